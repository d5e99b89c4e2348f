package cni

import (
	"bytes"
	"context"
	"errors"
	"io"
	"syscall"
	"testing"
	"time"
)

func TestWrite(t *testing.T) {
	stream, read := pipe(t, 0)
	if err := Write(stream, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 2)
	if _, err := io.ReadFull(read, got); err != nil || string(got) != "{}" {
		t.Errorf("Write\nwant {}\ngot  %s, %v", got, err)
	}
}

func TestWriteWithoutReaderKeepsTheCause(t *testing.T) {
	stream, read := pipe(t, 0)
	read.Close()
	if err := Write(stream, []byte("{}")); !errors.Is(err, syscall.EPIPE) || errors.Is(err, ErrPending) {
		t.Errorf("Write\nwant %v, not pending\ngot  %v", syscall.EPIPE, err)
	}
}

func TestWriteUntilWaitsForTheReader(t *testing.T) {
	stream, read := pipe(t, 0)
	data := bytes.Repeat([]byte("x"), 10_000) // more than the pipe holds
	written := make(chan error, 1)
	go func() { written <- WriteUntil(context.Background(), stream, data) }()
	time.Sleep(2 * signalGrace)
	got := make([]byte, len(data))
	if _, err := io.ReadFull(read, got); err != nil || !bytes.Equal(got, data) {
		t.Errorf("output\nwant %d bytes\ngot  others, %v", len(data), err)
	}
	if err := <-written; err != nil {
		t.Errorf("WriteUntil\nwant no error\ngot  %v", err)
	}
}

// A result that is written counts, although a signal came before.
func TestWriteUntilAfterASignalWritesWhatFits(t *testing.T) {
	ctx, end := context.WithCancelCause(context.Background())
	end(errors.New("terminated"))
	stream, read := pipe(t, 0)
	if err := WriteUntil(ctx, stream, []byte("{}")); err != nil {
		t.Errorf("WriteUntil\nwant no error\ngot  %v", err)
	}
	got := make([]byte, 2)
	if _, err := io.ReadFull(read, got); err != nil || string(got) != "{}" {
		t.Errorf("output\nwant {}\ngot  %s, %v", got, err)
	}
}

func TestWriteUntilASignalIsPending(t *testing.T) {
	ctx, end := context.WithCancelCause(context.Background())
	stream, read := pipe(t, 0)
	data := bytes.Repeat([]byte("x"), 10_000) // more than the pipe holds
	time.AfterFunc(10*time.Millisecond, func() { end(errors.New("terminated")) })
	err := WriteUntil(ctx, stream, data)
	if !errors.Is(err, ErrPending) || !errors.Is(err, ErrInterrupted) || err.Error() != "write the result: interrupted by a signal: terminated" {
		t.Errorf("WriteUntil\nwant %v: %v: terminated\ngot  %v", ErrPending, ErrInterrupted, err)
	}
	if _, err := io.ReadFull(read, make([]byte, len(data))); err != nil { // ends the writing
		t.Error(err)
	}
}
