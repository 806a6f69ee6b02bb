// Package sqlite keeps everything that the bridge has accepted in one SQLite file. The file is the journal, from which
// records are delivered, and the store, from which they are read. The type [DB] implements the interfaces of package monitor that
// interfaces.go lists. This is the only package that contains SQL.
//
// # Shape of the data
//
// Contexts, sessions, metrics and outcomes share one sequence. It has gaps only where a project or old runs were removed. The
// sequence numbers are the primary keys of the four tables, and of the table ends. The file stores the last number that was
// given out. See schema.sql, and schema_2.sql for what version 2 added.
//
// The row of a metric has only integers and floats. It refers to dictionaries of series, hashes and locations, and has its start
// as an instant. A text that cannot be rebuilt from these is stored as sent in the table texts. Texts are bytes: they may have
// NUL and invalid UTF-8. The columns of floats have no type, since a column of type REAL would turn -0.0 into 0.
//
// The instant of a metric follows from the text of its start, an offset and its hash. Where it does not, since a clock was
// wrong or another metric stands there, the table clocks finds the metric when it comes again.
//
// A session changes once, when it ends. Then the table ends gives it another number, under which it is owed again. All
// reading finds the session as it is now, under both numbers.
//
// The views TEST_METRICS, TEST_SESSIONS and EXECUTION_CONTEXTS have the columns of the plugin's own `.pymon` files.
//
// # Versions
//
// The file says which version of the schema it has. Each version is a list of statements that leads from the version
// before it: see [schemas]. [DB.Open] brings a file to the newest version in one transaction.
//
// # What is owed to a destination
//
// A destination has a cursor. Every record up to the cursor is delivered, parked, set aside or a dead letter. A record
// that was read from a destination is not owed to it. The table not_owed has the ranges of such records, and [DB.Next]
// leaves them out.
//
// # Reading lists
//
// A list is read in parts. Each part is read in a short transaction, on a connection that only lists use. The next part
// continues after the last row of the part before. So a slow consumer holds no connection, and the log can be copied
// into the file meanwhile. Records that are written meanwhile move nothing.
//
// Conditions on texts first become IDs of dictionaries. The indexes of metrics have all columns that lists are chosen
// and ordered by. To find a page in the middle, a list walks through an index from the nearer end. Texts with addresses
// of objects are first found by their series and then compared as sent.
//
// Three tables make questions about all metrics and outcomes fast. Every transaction keeps them up to date. The two tables of
// tallies add up what each session measured, and how its tests ended. They answer counts and runs. Zone maps have the
// greatest and the least measurements of each zone, which is 64 sequence numbers. They tell which zones have the greatest and
// the least metrics.
//
// # Reports
//
// Each judged run has one report. A report has a version, which grows whenever the report says something new. A
// destination has all reports up to the version that its row stores. A report also has the results that it retracts.
// These are the results that the earlier report had, or had retracted, and that do not hold now. So a destination that
// missed a report is corrected by the next one.
//
// # Durability
//
// The file is in WAL mode with synchronous=FULL. One connection writes under a mutex, with one transaction for each
// call. A call returns after the fsync of its commit. A few other connections read. After a crash SQLite replays its
// log when the file is opened. Then the file accepts records again, while PRAGMA quick_check runs beside. Before that,
// DB.Open walks through the log, since SQLite drops what follows a bad frame without an error.
//
// After each commit and every second, the DB compares the files at its paths with those it has open. Commits into a
// file that was removed would vanish with the process.
//
// When the disk is full, the transaction is rolled back. Calls fail with [monitor.EFull] until the disk has room. After
// any other failure of a write, its connection is closed, since after a failed fsync the result of the next one means
// nothing. The file is opened again, and must pass quick_check before it accepts records. A damaged file is reported
// and stays as it is.
//
// # Damaged files
//
// [Verify] reads everything. [Recover] makes a new file from what can be read, with the package pages in place of SQLite. It
// copies the rows of tables as they are, with their keys, and builds again what follows from others. The new file is made
// under another name, and gets its own when it is complete.
//
// # What is not promised
//
// A drive may confirm a flush that it has not done, and its bits may rot. This package cannot prevent that. It reports
// rotten bits where SQLite's checks find them: in the structure of the file and in the log, not inside values. The
// client's address is stored for sessions only, since [monitor.RunOf] needs it.
package sqlite
