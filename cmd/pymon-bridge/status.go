package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

// statusCmd says how a bridge and its file are.
type statusCmd struct {
	dataFlags
	JSON bool `name:"json" help:"Print one JSON object."`
}

func (statusCmd) Help() string {
	return `Examples:

  pymon-bridge status --data /var/lib/pymon-bridge
  pymon-bridge status --json | jq .attention

It asks the bridge that serves the directory, through the file. The exit status is 1 when something needs a person.`
}

// answerWithin is how long a bridge may take to say how it is.
const answerWithin = 5 * time.Second

// statusResult is what the command prints as JSON.
type statusResult struct {
	Data      string                  `json:"data"`
	Served    bool                    `json:"served"`
	Bridge    *monitor.BridgeStatus   `json:"bridge"`           // null when no bridge answers
	Damage    string                  `json:"damage,omitempty"` // why the bridge accepts nothing
	Delivery  []deliveryStatus        `json:"delivery"`
	FileBytes int64                   `json:"file_bytes"`
	LogBytes  int64                   `json:"log_bytes"`
	Free      int64                   `json:"free_bytes"` // -1 when the system does not say
	Projects  []monitor.ProjectStatus `json:"projects"`
	Tokens    int                     `json:"tokens"`
	Expires   time.Time               `json:"next_expiry,omitzero"`
	Attention []string                `json:"attention"` // what needs a person
	server    int
}

type deliveryStatus struct {
	Dest        monitor.Destination `json:"destination"`
	Current     bool                `json:"current"` // the bridge delivers there
	Waiting     int64               `json:"waiting"`
	Oldest      time.Time           `json:"oldest,omitzero"` // arrival of the oldest record that waits
	Aside       int64               `json:"set_aside"`
	DeadLetters int64               `json:"dead_letters"`
	Undeleted   []monitor.Undeleted `json:"undeleted,omitempty"` // removed projects of which it may still have points
}

// Run prints what a person wants to know first.
func (c *statusCmd) Run(ctx context.Context, m *Main, logger *slog.Logger) error {
	s := &statusResult{Data: c.Data, Delivery: []deliveryStatus{}, Free: -1, Attention: []string{}}
	err := lookAt(ctx, c.Data, logger, func(db *sqlite.DB) error {
		s.Served, s.server = db.Served(), db.Server()
		if s.Damage = db.Damage(); s.Damage != "" {
			s.needs("the bridge accepts nothing: %s", s.Damage)
		}
		err := s.readFile(ctx, db, filepath.Join(c.Data, sqlite.FileName))
		if err == nil {
			err = s.ask(ctx, db)
		}
		if err == nil {
			err = s.readDelivery(ctx, db)
		}
		if monitor.ErrorCode(err) == monitor.EInvalid {
			s.needs("an older bridge serves this directory, so this command does not know how the delivery is; its /-/ready says it")
			return nil
		}
		if err != nil && s.Damage != "" {
			s.needs("a part of the file cannot be read: %v", err)
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	if c.JSON {
		err = m.printJSON(s)
	} else {
		err = s.print(m.Stdout, time.Now())
	}
	if err == nil && len(s.Attention) > 0 {
		err = &exitError{status: 1}
	}
	return err
}

// needs adds what needs a person.
func (s *statusResult) needs(format string, args ...any) {
	s.Attention = append(s.Attention, fmt.Sprintf(format, args...))
}

// ask asks the bridge how it is. Its error says that the bridge is older and knows no such question.
func (s *statusResult) ask(ctx context.Context, db *sqlite.DB) error {
	if !s.Served {
		s.needs("no bridge serves this directory")
		return nil
	}
	if s.Damage != "" {
		return nil // it cannot write an answer
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	id, err := db.AskStatus(ctx)
	if monitor.ErrorCode(err) == monitor.EInvalid {
		return err
	}
	for err == nil {
		var answer monitor.BridgeStatus
		var ok bool
		if answer, ok, err = db.StatusAnswer(ctx, id); ok {
			s.Bridge = &answer
			if r := answer.Retention; r != nil && r.Why != "" {
				s.needs("the file is near --max-bytes: %s", r.Why)
			}
			for _, h := range answer.Health {
				if !h.OK {
					s.needs("%s: %s", h.Component, h.Detail)
				}
			}
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			err = fmt.Errorf("it gave no answer within %s, so it may be unable to write; its log and its /-/ready say more, and pymon-bridge verify says whether the file is damaged", answerWithin)
		}
	}
	s.needs("the bridge (process %d) was asked in vain: %v", s.server, err)
	return nil
}

func (s *statusResult) readFile(ctx context.Context, db *sqlite.DB, path string) (err error) {
	now := time.Now()
	today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
	s.FileBytes, s.LogBytes = sizeOf(path), sizeOf(path+"-wal")
	if s.Projects, err = db.ProjectStatus(ctx, today); err != nil {
		return fmt.Errorf("read the projects: %w", err)
	}
	tokens, err := db.Tokens(ctx)
	if err != nil {
		return fmt.Errorf("read the tokens: %w", err)
	}
	s.Tokens = len(tokens.Valid)
	for _, t := range tokens.Valid {
		if !t.Expires.IsZero() && (s.Expires.IsZero() || t.Expires.Before(s.Expires)) {
			s.Expires = t.Expires
		}
	}
	if tokens.Access() == monitor.AccessClosed {
		s.needs("all tokens are revoked, so nobody can use the bridge")
	}
	return nil
}

func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// readDelivery reads how far the delivery to each destination is. Only that of the bridge needs a person.
func (s *statusResult) readDelivery(ctx context.Context, db *sqlite.DB) error {
	all, err := db.Destinations(ctx)
	if err != nil {
		return fmt.Errorf("read the destinations: %w", err)
	}
	undeleted, err := db.Undeleted(ctx)
	if err != nil {
		return fmt.Errorf("read the removed projects: %w", err)
	}
	for _, dest := range all {
		stats, err := db.Stats(ctx, dest)
		if err != nil {
			return fmt.Errorf("count what waits for %s: %w", dest, err)
		}
		d := deliveryStatus{Dest: dest, Current: s.Bridge != nil && s.Bridge.Destination == dest, Waiting: stats.Depth,
			Oldest: stats.Oldest, Aside: stats.Aside, DeadLetters: stats.DeadLetters}
		for _, u := range undeleted {
			if u.Dest != dest {
				continue
			}
			if d.Undeleted = append(d.Undeleted, u); d.Current || s.Bridge == nil {
				s.needs("%s may still have points of project %s, which was removed at %s; the bridge that delivers there asks it again until "+
					"it deletes them: %s", dest, u.Project, timeOrNever(u.Removed), cmp.Or(u.Error, "it was not asked yet"))
			}
		}
		s.Delivery = append(s.Delivery, d)
		if s.Bridge == nil { // a bridge says it itself
			for _, l := range stats.Lost {
				s.needs("%s: %s", dest, l.What)
			}
		}
		if d.DeadLetters > 0 && (d.Current || s.Bridge == nil) {
			s.needs("%s of %s: see pymon-bridge dead list", count(d.DeadLetters, "dead letter"), dest)
		}
		if d.Aside > 0 && d.Current {
			s.needs("%s set aside: something takes no request of their size, or fails at them", count(d.Aside, "record"))
		}
	}
	stats, err := db.Stats(ctx, "")
	s.Free = stats.Free
	return err
}
