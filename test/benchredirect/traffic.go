package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"tap/test/harness"
	"tap/test/measure"
	"tap/test/netns"
)

// flow is the goodput of a TCP connection in Gbit/s.
func flow(ctx context.Context, from, to *netns.Netns, address string, window time.Duration) (float64, error) {
	bits, err := harness.Flow{From: from, To: to, Address: address}.Goodput(ctx, window/4, window)
	if err != nil {
		return 0, fmt.Errorf("TCP to %s: %w", address, err)
	}
	return bits / 1e9, nil
}

// requests of a run.
const requests = 200

// roundTrip is the median time of some requests of one byte, each with its answer, by TCP, in microseconds.
func roundTrip(ctx context.Context, from, to *netns.Netns, address string) (float64, error) {
	listener, err := to.Listen(ctx, address)
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	conn, err := from.Dial(ctx, listener.Addr())
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	peer, err := listener.Accept()
	if err != nil {
		return 0, err
	}
	defer peer.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return 0, err
	}
	answers := make(chan error, 1)
	go func() {
		_, err := io.CopyN(peer, peer, requests)
		answers <- err
	}()
	var all []float64
	byteful := make([]byte, 1)
	for range requests {
		began := time.Now()
		_, err := conn.Write(byteful)
		if err == nil {
			_, err = io.ReadFull(conn, byteful)
		}
		if err != nil {
			return 0, fmt.Errorf("request to %s: %w", address, err)
		}
		all = append(all, float64(time.Since(began).Nanoseconds())/1000)
	}
	return measure.Median(all), errors.Join(<-answers)
}
