// Package lineoracle checks the line protocol of package influx with the parser of InfluxDB itself. It is a separate
// module, so that the dependencies of InfluxDB are not in the go.mod of the program:
//
//	cd test/lineoracle && go test ./... && go test -fuzz FuzzMetric -fuzztime 30s .
package lineoracle
