package sqlite

import (
	"context"
	"math"
)

// kindOfContent is a table whose rows have contents that only the program can read.
type kindOfContent struct {
	table, key, columns string // at most two columns
	where               string // names a row by its key
	decode              func(content, more []byte) error
}

var contents = []kindOfContent{
	{"reports", "version", "content, NULL", "report %d", func(content, _ []byte) error {
		_, err := decodeReport(content)
		return err
	}},
	{"acceptances", "id", "content, results", "acceptance %d", func(content, results []byte) error {
		_, err := decodeAcceptance(content, results)
		return err
	}},
	{"rollup_stretches", "id", "content, NULL", "rollups, stretch %d", func(content, _ []byte) error {
		_, err := decodeRollup(content)
		return err
	}},
}

// each decodes the rows whose key fits a condition with one argument. It calls found with each key, and the error of one that
// cannot be decoded.
func (k *kindOfContent) each(ctx context.Context, q querier, condition string, arg any, found func(key int64, bad error)) error {
	return each(ctx, q, "SELECT "+k.key+", "+k.columns+" FROM "+k.table+" WHERE "+k.key+" "+condition, []any{arg}, func(row scanner) error {
		var key int64
		var content, more []byte
		if err := row.Scan(&key, &content, &more); err != nil {
			return err
		}
		found(key, k.decode(content, more))
		return nil
	})
}

// undecodable returns the keys of the rows that cannot be decoded.
func (k *kindOfContent) undecodable(ctx context.Context, q querier) (bad []int64, err error) {
	err = k.each(ctx, q, ">= ?", int64(math.MinInt64), func(key int64, fault error) {
		if fault != nil {
			bad = append(bad, key)
		}
	})
	return bad, err
}
