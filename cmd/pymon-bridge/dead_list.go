package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"text/tabwriter"
	"time"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

type deadListCmd struct {
	dataFlags
	letterFlags
	Limit int  `help:"Number of letters below the counts; 0 for all." default:"20"`
	JSON  bool `name:"json" help:"Print one JSON object."`
}

func (deadListCmd) Help() string {
	return `Examples:

  pymon-bridge dead list
  pymon-bridge dead list --project webshop --reason retention --limit 0`
}

// letterGroup counts the dead letters of which a destination says the same, numbers apart.
type letterGroup struct {
	Dest    monitor.Destination `json:"destination"`
	Project string              `json:"project"`
	Class   monitor.Class       `json:"class"`
	Status  int                 `json:"status"`
	Reason  string              `json:"reason"` // of the first one
	Letters int64               `json:"letters"`
}

// letterLine is one dead letter in the list.
type letterLine struct {
	Number  uint64        `json:"number"`
	Buried  time.Time     `json:"buried"`
	Project string        `json:"project"`
	Class   monitor.Class `json:"class"`
	Name    string        `json:"name"`
	letterRefusal
}

// letterRefusal is what a destination says of a record.
type letterRefusal struct {
	Dest   monitor.Destination `json:"destination"`
	Status int                 `json:"status"` // 0 when the record was not sent
	Reason string              `json:"reason"`
}

// shownLetter is what 'dead show' prints as JSON.
type shownLetter struct {
	Number   uint64          `json:"number"`
	Project  string          `json:"project"`
	Class    monitor.Class   `json:"class"`
	Record   json.RawMessage `json:"record"`
	Refusals []letterRefusal `json:"refusals"`
}

func refusalsOf(letters []monitor.Letter) (all []letterRefusal) {
	for _, l := range letters {
		all = append(all, letterRefusal{l.Dest, l.Status, l.Reason})
	}
	return all
}

func indented(object []byte) string {
	var b bytes.Buffer
	if json.Indent(&b, object, "", "  ") != nil {
		return string(object)
	}
	return b.String()
}

// mostGroups bounds the groups in memory.
const mostGroups = 1000

// letterList gathers the groups and the first letters.
type letterList struct {
	Total   int64          `json:"total"`
	Groups  []*letterGroup `json:"groups"`
	Letters []letterLine   `json:"letters"`
	known   map[letterGroup]*letterGroup
}

func (list *letterList) add(l monitor.Letter, limit int) {
	list.Total++
	if limit == 0 || len(list.Letters) < limit {
		list.Letters = append(list.Letters, letterLine{l.Seq, l.At, l.Project, l.Class, l.Name, letterRefusal{l.Dest, l.Status, l.Reason}})
	}
	key := letterGroup{Dest: l.Dest, Project: l.Project, Class: l.Class, Status: l.Status, Reason: monitor.Wording(l.Reason)}
	if list.known[key] == nil {
		if len(list.known) >= mostGroups {
			key = letterGroup{Reason: "other words"}
		}
		if list.known[key] == nil {
			group := key
			if group.Class != "" {
				group.Reason = l.Reason
			}
			list.known[key] = &group
			list.Groups = append(list.Groups, &group)
		}
	}
	list.known[key].Letters++
}

// Run prints the counts, then the letters.
func (c *deadListCmd) Run(ctx context.Context, m *Main, logger *slog.Logger) error {
	list := letterList{Groups: []*letterGroup{}, Letters: []letterLine{}, known: map[letterGroup]*letterGroup{}}
	err := lookAt(ctx, c.Data, logger, func(db *sqlite.DB) error {
		return db.EachLetter(ctx, c.query(nil), func(l monitor.Letter) error {
			list.add(l, c.Limit)
			return nil
		})
	})
	if err != nil {
		return fmt.Errorf("read the dead letters: %w", err)
	}
	slices.SortStableFunc(list.Groups, func(a, b *letterGroup) int { return cmp.Compare(b.Letters, a.Letters) })
	switch {
	case c.JSON:
		return m.printJSON(list)
	case list.Total == 0:
		_, err := fmt.Fprintln(m.Stdout, "There are no dead letters.")
		return err
	}
	return c.print(m, &list)
}

func (c *deadListCmd) print(m *Main, list *letterList) error {
	w := tabwriter.NewWriter(m.Stdout, 0, 0, 2, ' ', 0)
	printRow(w, "LETTERS", "PROJECT", "CLASS", "STATUS", "REASON")
	for _, g := range list.Groups {
		printRow(w, g.Letters, g.Project, g.Class, g.Status, oneLine(g.Reason, 160))
	}
	fmt.Fprintln(w)
	printRow(w, "NUMBER", "BURIED", "PROJECT", "CLASS", "NAME", "REASON")
	for _, l := range list.Letters {
		printRow(w, l.Number, timeOrNever(l.Buried), l.Project, l.Class, oneLine(l.Name, 50), oneLine(l.Reason, 60))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if more := list.Total - int64(len(list.Letters)); more > 0 {
		_, err := fmt.Fprintf(m.Stdout, "… and %d more; --limit 0 lists all\n", more)
		return err
	}
	return nil
}
