package influx

import (
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// compressors are ready for a batch. To make one takes longer than a small batch does.
var compressors = sync.Pool{New: func() any {
	zip, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic(err) // only for a level that does not exist
	}
	return zip
}}

// pack returns the lines of points, compressed, as the client takes them: as a text. "" without points.
func pack[P any](points []P, appendLine func(dst []byte, p P) []byte) string {
	if len(points) == 0 {
		return ""
	}
	zip := compressors.Get().(*gzip.Writer)
	defer compressors.Put(zip)
	var packed strings.Builder
	zip.Reset(&packed)
	var line []byte
	for _, p := range points {
		line = append(appendLine(line[:0], p), '\n')
		_, _ = zip.Write(line) // memory takes everything
	}
	_ = zip.Close()
	return packed.String()
}
