-- Number 6 is another change's, which is merged beside this one; its file takes the place of this one.
SELECT 1;
