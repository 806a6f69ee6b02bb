package web

import (
	"bytes"
	"encoding/csv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Spreadsheets compute cells that begin with certain characters.
func TestTablesHaveNoFormulas(t *testing.T) {
	for cell, want := range map[string]string{
		"": "", "test_a": "test_a", "-1.5": "-1.5", "+2": "+2", "é=1": "é=1",
		`=HYPERLINK("http://evil","x")`: `'=HYPERLINK("http://evil","x")`,
		"@SUM(1)":                       "'@SUM(1)", "+1+1": "'+1+1", "-a": "'-a", "\t=1": "'\t=1",
		"lone \xed\xb2\x80": "lone \uFFFD", // a lone surrogate
	} {
		a := answer{body: new(bytes.Buffer)}
		require.NoError(t, a.csv(&view{Table: func() *table { return &table{Header: []string{"n", "name"}, Rows: [][]string{{"1", cell}}} }}))
		rows, err := csv.NewReader(a.body).ReadAll()
		require.NoError(t, err)
		assert.Equal(t, [][]string{{"n", "name"}, {"1", want}}, rows)
	}
}
