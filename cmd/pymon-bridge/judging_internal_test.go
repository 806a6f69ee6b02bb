package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/judge"
	"pymon-bridge/monitor"
	"pymon-bridge/regress"
	"pymon-bridge/sqlite"
)

// TestKeptReportsCountForTheirProgramAndSettings holds that a serving bridge answers with kept reports, by the same rules alone.
func TestKeptReportsCountForTheirProgramAndSettings(t *testing.T) {
	b := &bridge{config: &serveCmd{}, db: sqlite.New(filepath.Join(t.TempDir(), sqlite.FileName), monitor.Zones{}, slog.New(slog.DiscardHandler))}
	require.NoError(t, b.openJudge(t.Context()))
	j, ok := b.judge.(*judge.Judge)
	require.True(t, ok)
	assert.Same(t, b.db, j.Answers)
	settings := regress.Defaults()
	assert.Equal(t, judgeRules(&settings), j.Rules())
	assert.Len(t, j.Rules(), 64)
	settings.CPUTime.Delta *= 2
	assert.NotEqual(t, judgeRules(&settings), j.Rules())
}

// TestTheSettingsSayHowFarBackSlowGrowthIsLookedFor holds that those of the file count, and not only the detector's.
func TestTheSettingsSayHowFarBackSlowGrowthIsLookedFor(t *testing.T) {
	file := filepath.Join(t.TempDir(), "settings.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"Drift": {"MaxRuns": 900, "MaxDays": 365}}`), 0o600))
	b := &bridge{config: &serveCmd{JudgeSettings: file},
		db: sqlite.New(filepath.Join(t.TempDir(), sqlite.FileName), monitor.Zones{}, slog.New(slog.DiscardHandler))}
	require.NoError(t, b.openJudge(t.Context()))
	j, ok := b.judge.(*judge.Judge)
	require.True(t, ok)
	assert.Equal(t, 900, j.Drift.MaxRuns)
	assert.Equal(t, 365*24*time.Hour, j.Drift.MaxAge)
}

func TestDetectorTakesItsSettingsFromAFile(t *testing.T) {
	_, settings, err := newDetector("")
	require.NoError(t, err)
	assert.Equal(t, 40, settings.EarlierRuns())
	assert.Equal(t, 3, settings.WindowRuns)
	for content, wantError := range map[string]string{
		`{}`: "",
		`{"SuspectP": 0.005, "CPUTime": {"Delta": 0.05}}`: "",
		`{"WindowRuns": 4}`:                  "HoldRuns: at least MinRuns + WindowRuns - 1",
		`{"Suspect": 1}`:                     `unknown field "Suspect"`,
		`{"CPUTime": {"Delta": "x"}}`:        "CPUTime.Delta",
		`{"MinRuns": 1}`:                     "MinRuns: at least 3",
		`{"CPUTime": {"Ratio": 0.9}}`:        "CPUTime.Ratio: more than 1",
		`{"BaselineRuns": 1000000000000000}`: "BaselineRuns: from MinRuns to 1000",
		`{} {}`:                              "nothing after it",
		``:                                   "EOF",
	} {
		file := filepath.Join(t.TempDir(), "settings.json")
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
		_, _, err := newDetector(file)
		if wantError == "" {
			assert.NoError(t, err, content)
			continue
		}
		assert.ErrorContains(t, err, wantError)
		assert.ErrorContains(t, err, "--judge-settings: "+file)
	}
	_, _, err = newDetector(filepath.Join(t.TempDir(), "none.json"))
	assert.ErrorContains(t, err, "--judge-settings: open ")
}
