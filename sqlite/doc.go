// Package sqlite keeps everything that the bridge has accepted in one SQLite file. The file is the journal, from which
// records are delivered, and the store, from which they are read. The type [DB] implements [monitor.Journal],
// [monitor.MetadataStore], [monitor.Store], [monitor.RunStore], [monitor.HistoryStore], [monitor.ReportStore],
// [monitor.ReportQueue], [monitor.TokenStore] and [monitor.HealthChecker]. This is the only package that knows SQL.
//
// # Shape of the data
//
// Contexts, sessions, metrics and outcomes share one sequence without gaps. Its numbers are the primary keys of the four
// tables, and the last number given out is stored. A metric row is integers and floats: it refers to dictionaries of
// series, hashes and locations, and its start is an instant. A text that cannot be rebuilt from these stands as sent in a
// side table. Texts are bytes: they may hold NUL and invalid UTF-8. Floats are in columns without a type, since a column
// of type REAL would turn -0.0 into 0. See schema.sql.
//
// The views TEST_METRICS, TEST_SESSIONS and EXECUTION_CONTEXTS have the columns of the plugin's own `.pymon` files.
//
// # Versions
//
// The file says which version of the schema it has. A later version is a list of statements that lead from the version
// before to it, in [schemas]. A file is brought up to date when it is opened, in one transaction.
//
// # What is owed to a destination
//
// A destination has a cursor: every record up to it is delivered, parked or a dead letter. What was read from a destination
// is not owed to it: such records are ranges of the sequence in the table not_owed, which [DB.Next] passes over.
//
// # Reading lists
//
// A list is read in parts. Each part is read in a short transaction of its own, which continues behind the last row of the
// part before, on connections that only lists use. So a slow consumer holds nothing, the log can be copied into the file
// meanwhile, and what is written at the same time moves nothing. The indexes of metrics hold all that lists are chosen and
// ordered by: conditions on texts become IDs of dictionaries first, and a page in the middle is a walk through an index
// from the nearer end. Texts with addresses of objects are chosen by their series and then compared as sent.
//
// Two tables are kept with each transaction so that questions about everything need not read everything. Tallies hold what
// each session measured, by context, component and kind; they answer counts and runs. Zone maps hold the greatest and
// least measurements of each 64 numbers of the sequence; they tell where the greatest and least metrics are.
//
// # Reports
//
// There is one report for each judged run. It has a version, which grows whenever the report says something new. The cursor
// of a destination is the version up to which it has all reports. A report also has the results that it retracts: those of
// the report before, and those that the report before retracted, as far as they do not hold now. So a destination that
// missed a report is corrected by the next one.
//
// # Durability
//
// The file is in WAL mode with synchronous=FULL. One connection writes, under a mutex, one transaction for each call;
// a call returns after the fsync of its commit. A few others read. After a crash SQLite replays its log when the file
// is opened, which is enough to accept again; PRAGMA quick_check then runs beside the work.
//
// When the disk is full the transaction is rolled back and [monitor.EFull] returned, until there is room again. Any
// other failure of a write ends the use of its connection, because what a second fsync says after a failed one is
// worth nothing: the file is opened anew and must pass quick_check before anything is accepted. A damaged file is
// reported and left as it is.
//
// # What is not promised
//
// A drive that confirms a flush it has not done, and bits that rot, are beyond this package: the latter are reported
// where SQLite's checks find them. The client's address is kept for sessions only, which need it for [monitor.RunOf].
package sqlite
