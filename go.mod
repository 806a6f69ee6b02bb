module pymon-bridge

go 1.26
