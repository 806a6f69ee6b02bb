package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"pymon-bridge/test/harness"
)

// memory is what a process takes, in bytes; 0 where the system does not say it.
type memory struct {
	own  int64 // without the files that it maps
	most int64 // of it all, since it started
}

func memoryOf(pid int) memory {
	all := harness.MemoryOf(pid)
	return memory{own: all["RssAnon"], most: all["VmHWM"]}
}

// sizeOf adds up what the files below a folder take of the disk. InfluxDB makes files that are mostly holes. Files may go meanwhile.
func sizeOf(dir string) (size int64, err error) {
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		size += info.Sys().(*syscall.Stat_t).Blocks * 512
		return nil
	})
	return size, err
}

// bucket is what InfluxDB has of a bucket.
type bucket struct {
	name   string
	bytes  int64 // on disk, with its log and its index
	series int
	of     map[string]int // series by measurement
}

// kind is the name without what makes it unique.
func (b bucket) kind() string {
	kind, _, _ := strings.Cut(b.name, "-")
	return kind
}

func bucketOf(influx *harness.Influx, name string) (b bucket, err error) {
	b = bucket{name: name, of: map[string]int{}}
	for _, part := range []string{"data", "wal"} {
		size, err := sizeOf(filepath.Join(influx.Dir(), "engine", part, influx.BucketID(name)))
		if err != nil {
			return b, err
		}
		b.bytes += size
	}
	for _, row := range influx.Query(`import "influxdata/influxdb/schema"
		schema.measurements(bucket: "` + name + `", start: 1970-01-01T00:00:00Z, stop: 2200-01-01T00:00:00Z)`) {
		measurement := row["_value"].(string)
		b.of[measurement] = seriesOf(influx, name, measurement)
		b.series += b.of[measurement]
	}
	return b, nil
}

// seriesOf counts the series of a measurement. A series is a set of tags; its fields do not count.
func seriesOf(influx *harness.Influx, bucket, measurement string) (count int) {
	for _, row := range influx.Query(`import "influxdata/influxdb"
		influxdb.cardinality(bucket: "` + bucket + `", start: 1970-01-01T00:00:00Z, stop: 2200-01-01T00:00:00Z,
			predicate: (r) => r._measurement == "` + measurement + `")`) {
		count += int(row["_value"].(int64))
	}
	return count
}

// How soon InfluxDB compacts what is written no more. By default it waits for ten minutes, and then for four hours.
var soon = map[string]string{"INFLUXD_STORAGE_CACHE_SNAPSHOT_WRITE_COLD_DURATION": "1s", "INFLUXD_STORAGE_COMPACT_FULL_WRITE_COLD_DURATION": "1s"}

// calm is how long the files of InfluxDB have to stay as they are.
const calm = 10 * time.Second

// compact lets InfluxDB bring its files into the form that they have hours after the last write, and starts it again. It returns
// how long InfluxDB took to start.
func compact(influx *harness.Influx) (start time.Duration, err error) {
	influx.Stop()
	for name, value := range soon {
		if err := os.Setenv(name, value); err != nil {
			return 0, err
		}
	}
	influx.Start()
	last, since := int64(-1), time.Now()
	for end := time.Now().Add(30 * time.Minute); time.Since(since) < calm; time.Sleep(time.Second) {
		size, err := sizeOf(filepath.Join(influx.Dir(), "engine"))
		if err != nil {
			return 0, err
		}
		if size != last {
			last, since = size, time.Now()
		}
		if time.Now().After(end) {
			return 0, errors.New("InfluxDB still compacts after half an hour")
		}
	}
	influx.Stop()
	for name := range soon {
		if err := os.Unsetenv(name); err != nil {
			return 0, err
		}
	}
	begin := time.Now()
	influx.Start()
	return time.Since(begin), nil
}
