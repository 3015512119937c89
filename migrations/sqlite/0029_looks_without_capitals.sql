-- What looks like a capital looks like its small letter. Of two that were held before and look alike so, both stay as they are.
UPDATE name_skeletons SET skeleton = replace(skeleton, 'O', 'o')
WHERE instr(skeleton, 'O') > 0
  AND NOT EXISTS (SELECT 1 FROM name_skeletons AS other WHERE other.skeleton = replace(name_skeletons.skeleton, 'O', 'o'))
  AND NOT EXISTS (
      SELECT 1 FROM name_skeletons AS other
      WHERE other.skeleton <> name_skeletons.skeleton AND replace(other.skeleton, 'O', 'o') = replace(name_skeletons.skeleton, 'O', 'o')
  );
