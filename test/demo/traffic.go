package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"

	"tap/test/netns"
)

// summary is what ping(8) says in the end: sent, received, mean round trip in milliseconds.
var summary = regexp.MustCompile(`(?s)(\d+) packets transmitted, (\d+) received.*= [0-9.]+/([0-9.]+)/`)

func (d *demo) pings() error {
	for _, p := range []struct {
		from     *netns.Netns
		way, to4 string
		to6      string
	}{{d.pod, "pod → guest", guest4, guest6}, {d.vm.NS, "guest → pod", d.address(0), d.address(1)}} {
		for _, to := range []string{p.to4, p.to6} {
			if err := d.ping(p.from, p.way, to); err != nil {
				return err
			}
		}
	}
	return nil
}

// ping expects answers.
func (d *demo) ping(from *netns.Netns, way, to string) error {
	out, err := from.Output("ping", "-q", "-c", "3", "-i", "0.2", "-W", "5", to)
	if err != nil {
		return err
	}
	found := summary.FindStringSubmatch(out)
	if err := d.ctx.Err(); err != nil {
		return err // ping counts an interrupt as success
	}
	if found == nil {
		return fmt.Errorf("ping %s: %s", to, out)
	}
	d.out.step("ping", "%s  %s: %s of %s answered, %s ms", way, to, found[2], found[1], found[3])
	return nil
}

const megabytes = 100 // of 1,000,000 bytes

func (d *demo) transfers() error {
	for _, t := range []struct {
		way      string
		from, to *netns.Netns
		addr     string
	}{{"pod → guest", d.pod, d.vm.NS, guest4}, {"guest → pod", d.vm.NS, d.pod, d.address(1)}} {
		if err := d.move(t.way, t.from, t.to, t.addr); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) move(way string, from, to *netns.Netns, addr string) error {
	took, err := d.transfer(from, to, addr)
	if err != nil {
		return fmt.Errorf("TCP %s: %w", way, err)
	}
	d.out.step("TCP", "%s  %d MB to %s: %.1f Gbit/s", way, megabytes, addr, megabytes*0.008/took.Seconds())
	return nil
}

// transfer sends megabytes of TCP and waits until they have arrived.
func (d *demo) transfer(from, to *netns.Netns, addr string) (time.Duration, error) {
	listener, err := to.Listen(d.ctx, addr)
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	defer context.AfterFunc(d.ctx, func() { listener.Close() })()
	conn, err := from.Dial(d.ctx, listener.Addr())
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	defer context.AfterFunc(d.ctx, func() { conn.Close() })() // an interrupted demo does not wait for the guest
	peer, err := listener.Accept()
	if err != nil {
		return 0, err
	}
	defer peer.Close()
	defer context.AfterFunc(d.ctx, func() { peer.Close() })()

	started := time.Now()
	deadline := started.Add(2 * time.Minute)
	if err := errors.Join(conn.SetDeadline(deadline), peer.SetDeadline(deadline)); err != nil {
		return 0, err
	}
	sent := make(chan error, 1)
	go func() {
		block := make([]byte, 1_000_000)
		for range megabytes {
			if _, err := conn.Write(block); err != nil {
				sent <- err
				return
			}
		}
		sent <- nil
	}()
	if _, err := io.CopyN(io.Discard, peer, megabytes*1_000_000); err != nil {
		return 0, err
	}
	took := time.Since(started)
	return took, <-sent
}
