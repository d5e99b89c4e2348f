package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// report attaches to the tap and says so. The queues are closed by the end of the process.
func report(o *options) error {
	queues, err := attachAll(o.tap, o)
	if err != nil {
		return err
	}
	end := ended()
	if _, err := fmt.Printf("{\"attached\": %d}\n", len(queues)); err != nil {
		return err
	}
	if o.hold {
		<-end
	}
	return nil
}

// ended is closed on SIGTERM and SIGINT, and when stdin comes to its end.
func ended() <-chan struct{} {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM, unix.SIGINT)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // an error is an end, too
		stop()
	}()
	return ctx.Done()
}
