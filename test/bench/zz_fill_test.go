package bench_test

import ("testing";"os")

func BenchmarkZZFill(b *testing.B) { os.MkdirAll("/tmp/wt/web.tmp/big", 0o700); fillRuns(b, "/tmp/wt/web.tmp/big", pagesRuns) }
