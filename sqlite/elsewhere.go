package sqlite

// contextOf returns the expression for the number of the context that metrics refer to by a hash, whose ID is given, as the
// courier delivers them: the one of their own project, else that of the same hash which any project was the first to have.
// The plugin does not post to a second project what a GET without a project has found in the first. A token ends that,
// since it separates projects.
func contextOf(hash string) string {
	return `coalesce((SELECT own.seq FROM contexts own WHERE own.hash = ` + hash + `),
		(SELECT min(first.seq) FROM hashes mine CROSS JOIN hashes theirs ON theirs.h = mine.h
			CROSS JOIN contexts first ON first.hash = theirs.id
			WHERE mine.id = ` + hash + ` AND NOT EXISTS (SELECT 1 FROM tokens)))`
}
