// Package lineoracle checks the line protocol that package influx writes with the parser of InfluxDB itself. It is a
// module of its own, so that the server's dependencies stay out of the program's go.mod:
//
//	cd test/lineoracle && go test ./... && go test -fuzz FuzzMetric -fuzztime 30s .
package lineoracle
