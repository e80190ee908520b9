package unit

import (
	"fmt"
	"time"
)

// Timer is the text of the timer unit. OnActiveSec= counts from the timer's activation on CLOCK_MONOTONIC: setting the
// wall clock neither fires nor delays it (systemd.timer(5): "These are monotonic timers, independent of wall-clock time
// and timezones."; in systemd's src/core/timer.c, timer_enter_waiting). It is enabled, so that after a restart of the node it
// counts anew. The default accuracy would be a minute.
func Timer(after time.Duration) string {
	return fmt.Sprintf(`[Unit]
Description=Time limit of nov30's changes to this node

[Timer]
OnActiveSec=%dus
AccuracySec=100ms
Unit=%s

[Install]
WantedBy=timers.target
`, after.Microseconds(), ServiceName)
}

// StopWithin is how long stopping the service waits for a revert that is running, before it is killed.
const StopWithin = time.Minute

// Service is the text of the service that the timer starts. What fails is tried again, for instance while the disk is full
// or somebody else restores the same file. Stopping it waits for its end: the program ignores SIGTERM, and what it has
// started gets none (KillMode=mixed).
func Service(node string) string {
	return fmt.Sprintf(`[Unit]
Description=Reverts nov30's changes to this node: their time limit is over
CollectMode=inactive-or-failed
StartLimitIntervalSec=0

[Service]
Type=oneshot
ExecStart=%s revert --node=%s
UMask=0077
Restart=on-failure
RestartSec=10s
KillMode=mixed
TimeoutStopSec=%ds
`, Program, node, int(StopWithin.Seconds()))
}
