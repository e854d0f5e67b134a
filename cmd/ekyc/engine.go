package main

import (
	"context"
	"os/signal"
	"syscall"

	"ekyc/internal/fence"
)

// EngineCmd is `ekyc engine`: a child of the service that runs native code behind the fence. Nobody starts it by hand.
type EngineCmd struct {
	modelFlags
}

// Run serves the parent until it hangs up. The models are not closed: work may be under way, and the process ends.
func (e *EngineCmd) Run(ctx context.Context) error {
	if err := fence.Confine(e.ModelsDir); err != nil {
		return err
	}
	conn, err := fence.InheritedConn()
	if err != nil {
		return err
	}
	// A stop is for the parent, which lets requests end before it hangs up.
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM)
	return fence.ServeChild(context.WithoutCancel(ctx), conn, func() (fence.Engine, error) {
		opened, err := e.open()
		if err != nil {
			return nil, err
		}
		return fence.Local{Engine: opened}, nil
	})
}
