package main

import "github.com/coreos/go-systemd/v22/daemon"

// notify tells the service manager a state, where there is one that wants to know it (systemd's Type=notify).
func (b *bridge) notify(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		b.logger.Warn("cannot tell the service manager how the bridge is", "state", state, "error", err)
	}
}
