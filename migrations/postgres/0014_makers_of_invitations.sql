-- In whose name an invitation invites: `-` is the operator. An invitation ends when its maker may not invite any more.
ALTER TABLE invitations ADD COLUMN maker TEXT COLLATE "C" NOT NULL DEFAULT '-';
