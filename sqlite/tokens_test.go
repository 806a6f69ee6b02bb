package sqlite_test

import (
	"errors"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pymon-bridge/monitor"
	"pymon-bridge/sqlite"
)

var both = []monitor.Scope{monitor.ScopeWrite, monitor.ScopeRead}

func addToken(t *testing.T, db *sqlite.DB, scopes ...monitor.Scope) monitor.Token {
	t.Helper()
	of := monitor.Token{Project: "shop", Label: "ci", Scopes: scopes, Created: arrival, Hash: [32]byte{1}}
	id, err := db.AddToken(t.Context(), of)
	require.NoError(t, err)
	of.ID = id
	return of
}

// validTokens returns the tokens that are valid now.
func validTokens(t *testing.T, db *sqlite.DB) []monitor.Token {
	t.Helper()
	list, err := db.Tokens(t.Context())
	require.NoError(t, err)
	return list.Valid
}

func TestScopesAreStored(t *testing.T) {
	db, _ := openNew(t)
	for i, scopes := range [][]monitor.Scope{both, {monitor.ScopeAdmin}, {"later"}, nil} {
		_, err := db.AddToken(t.Context(), monitor.Token{Scopes: scopes, Hash: [32]byte{byte(i)}})
		require.NoError(t, err)
		assert.Equal(t, scopes, validTokens(t, db)[i].Scopes)
	}
}

func TestRotatedTokensExpire(t *testing.T) {
	db, path := openNew(t)
	now := arrival
	db.Now = func() time.Time { return now }
	old := addToken(t, db, monitor.ScopeRead)
	db.TokenUsed(old.ID)
	beside := dbAt(path, utcZones())
	beside.Now = db.Now
	require.NoError(t, beside.OpenShared(t.Context()))
	t.Cleanup(func() { require.NoError(t, beside.Close()) })

	rotate := func(id int64, hash byte, after time.Duration) (monitor.Token, error) {
		return beside.RotateToken(t.Context(), id, [32]byte{hash}, now.Add(after))
	}
	now = arrival.Add(time.Minute)
	recent, err := rotate(old.ID, 2, time.Hour)
	require.NoError(t, err)
	want := monitor.Token{ID: recent.ID, Project: "shop", Label: "ci", Scopes: old.Scopes, Created: now, Hash: [32]byte{2}}
	assert.Equal(t, want, recent)
	old.Expires = now.Add(time.Hour)
	assert.Equal(t, []monitor.Token{old, want}, validTokens(t, db))
	_, err = rotate(old.ID, 3, 24*time.Hour)
	assert.Equal(t, monitor.EInvalid, monitor.ErrorCode(err), "the old token must not live longer")
	_, err = rotate(recent.ID, 1, time.Hour)
	assert.Equal(t, monitor.EInvalid, monitor.ErrorCode(err), "the hash of another token")
	_, err = rotate(99, 4, time.Hour)
	assert.Equal(t, monitor.ENotFound, monitor.ErrorCode(err))
	assert.Equal(t, []monitor.Token{old, want}, validTokens(t, db), "after an error everything is as before")

	now = old.Expires.Add(-1)
	assert.Len(t, validTokens(t, db), 2)
	now = old.Expires
	assert.Equal(t, []monitor.Token{want}, validTokens(t, db))
	_, err = rotate(old.ID, 5, time.Hour)
	assert.Equal(t, monitor.ENotFound, monitor.ErrorCode(err), "an expired token is like a revoked one")
	last, err := rotate(recent.ID, 6, 0)
	require.NoError(t, err)
	assert.Equal(t, []monitor.Token{last}, validTokens(t, db), "the old token ends at once")
	require.NoError(t, db.RevokeToken(t.Context(), last.ID))
	list, err := db.Tokens(t.Context())
	require.NoError(t, err)
	assert.Equal(t, monitor.AccessClosed, list.Access())
}

// lastUse returns when the file says that the only token was used.
func lastUse(t *testing.T, path string) time.Time {
	t.Helper()
	beside := dbAt(path, utcZones())
	require.NoError(t, beside.OpenShared(t.Context()))
	defer beside.Close()
	tokens := validTokens(t, beside)
	require.Len(t, tokens, 1)
	return tokens[0].Used
}

// TestUsesAreStoredOnceAMinute checks that no request writes, and that a failure loses no use.
func TestUsesAreStoredOnceAMinute(t *testing.T) {
	path := filepath.Join(t.TempDir(), sqlite.FileName)
	synctest.Test(t, func(t *testing.T) {
		db := dbAt(path, utcZones())
		require.NoError(t, db.Open(t.Context()))
		of, begin := addToken(t, db, both...), time.Now()
		db.TokenUsed(of.ID)
		time.Sleep(59 * time.Second)
		db.TokenUsed(of.ID)
		assert.Zero(t, lastUse(t, path))
		time.Sleep(2 * time.Second)
		assert.Equal(t, begin.Add(59*time.Second).UTC(), lastUse(t, path))

		db.BreakCommits(errors.New("a broken disk"))
		db.TokenUsed(of.ID)
		used := time.Now().UTC()
		time.Sleep(time.Minute)
		assert.NotEqual(t, used, lastUse(t, path))
		db.BreakCommits(nil)
		time.Sleep(2 * time.Minute)
		assert.Equal(t, used, lastUse(t, path), "stored later")

		db.TokenUsed(of.ID)
		require.NoError(t, db.Close())
		assert.Equal(t, time.Now().UTC(), lastUse(t, path), "stored when the bridge stops")
	})
}

// oldFile returns the path of a file of version 1 with one token, and the program of version 1, not yet open.
func oldFile(t *testing.T) (string, *sqlite.DB) {
	t.Helper()
	path := filepath.Join(t.TempDir(), sqlite.FileName)
	program := func() *sqlite.DB {
		db := at(path)
		db.KnowVersions(1)
		return db
	}
	db := program()
	require.NoError(t, db.Open(t.Context()))
	require.NoError(t, db.Close())
	_, err := raw(t, path).Exec("INSERT INTO tokens (project, label, created, hash) VALUES ('shop', 'ci', 1, zeroblob(32))")
	require.NoError(t, err)
	return path, program()
}

// TestOldFilesAreMigratedBesideNobody checks that the first `token` command of a new program may do everything.
func TestOldFilesAreMigratedBesideNobody(t *testing.T) {
	path, _ := oldFile(t)
	beside := at(path)
	require.NoError(t, beside.OpenShared(t.Context()))
	assert.Equal(t, 2, versionOf(t, path))
	tokens := validTokens(t, beside)
	require.Len(t, tokens, 1)
	assert.ElementsMatch(t, both, tokens[0].Scopes, "an old token may do what it could do")
	_, err := beside.RotateToken(t.Context(), 1, [32]byte{2}, arrival.Add(time.Hour))
	require.NoError(t, err)
	open(t, at(path)) // the lock is free
	require.NoError(t, beside.Close())
}

// TestOldFilesOfAnOldBridgeStayOld checks that commands do not migrate the file that an older program serves.
func TestOldFilesOfAnOldBridgeStayOld(t *testing.T) {
	path, serving := oldFile(t)
	require.NoError(t, serving.Open(t.Context()))
	beside := at(path)
	require.NoError(t, beside.OpenShared(t.Context()))
	t.Cleanup(func() { require.NoError(t, beside.Close()) })
	_, err := beside.Tokens(t.Context())
	assert.ErrorContains(t, err, "is older and does not know this command")
	_, err = beside.RotateToken(t.Context(), 1, [32]byte{5}, arrival.Add(time.Hour))
	assert.Equal(t, monitor.EInvalid, monitor.ErrorCode(err))
	assert.Equal(t, 1, versionOf(t, path))
	require.NoError(t, serving.Close())
	assert.Len(t, validTokens(t, open(t, at(path))), 1)
	assert.Equal(t, 2, versionOf(t, path), "the next program that serves the file migrates it")
}
