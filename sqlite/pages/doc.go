// Package pages reads the pages of a SQLite file without SQLite, also where the file is damaged. See
// https://sqlite.org/fileformat.html for the format. It changes nothing, and believes nothing: whatever the file holds,
// reading ends, takes memory in proportion to the file, and returns only rows that are whole. It cannot tell that a bit
// inside a value is wrong, since SQLite keeps no checksums of pages.
//
// It expects pages without reserved bytes and texts in UTF-8, as this program's SQLite writes them.
package pages
