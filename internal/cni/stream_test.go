package cni

import (
	"bytes"
	"errors"
	"io"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// pipe is a pipe of one page (4096 bytes), and the end to read from.
func pipe(t *testing.T, flags int) (FDWriter, *os.File) {
	t.Helper()
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC|flags); err != nil {
		t.Fatal(err)
	}
	if _, err := unix.FcntlInt(uintptr(fds[1]), unix.F_SETPIPE_SZ, 4096); err != nil {
		t.Fatal(err)
	}
	read := os.NewFile(uintptr(fds[0]), "pipe")
	t.Cleanup(func() {
		read.Close()
		unix.Close(fds[1]) //nolint:errcheck // of a test
	})
	return FDWriter(fds[1]), read
}

func TestStreamWritesEverything(t *testing.T) {
	for name, flags := range map[string]int{"that blocks": 0, "that does not": unix.O_NONBLOCK} {
		t.Run("a pipe "+name, func(t *testing.T) {
			stream, read := pipe(t, flags)
			data := bytes.Repeat([]byte("0123456789abcdef"), 1000) // four times what the pipe holds
			done := make(chan error, 1)
			go func() {
				n, err := stream.Write(data)
				if err == nil && n != len(data) {
					err = io.ErrShortWrite
				}
				done <- err
			}()
			got := make([]byte, len(data))
			if _, err := io.ReadFull(read, got); err != nil || !bytes.Equal(got, data) {
				t.Errorf("what arrives\nwant the %d bytes\ngot  others, %v", len(data), err)
			}
			if err := <-done; err != nil {
				t.Errorf("Write\nwant no error\ngot  %v", err)
			}
		})
	}
}

func TestStreamNobodyReadsIsAnError(t *testing.T) {
	stream, read := pipe(t, 0)
	read.Close()
	if n, err := stream.Write([]byte("x")); n != 0 || !errors.Is(err, syscall.EPIPE) {
		t.Errorf("Write\nwant 0, %v\ngot  %d, %v", syscall.EPIPE, n, err)
	}
}

func TestStreamTakes(t *testing.T) {
	tests := []struct {
		name           string
		before, length int // bytes
		want           bool
	}{
		{"a result", 0, 300, true},
		{"as much as a pipe takes at once", 0, 4096, true},
		{"more than that", 0, 4097, false},
		{"a full pipe", 4096, 1, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			stream, _ := pipe(t, 0)
			if _, err := stream.Write(make([]byte, tt.before)); err != nil {
				t.Fatal(err)
			}
			if got := stream.HasRoom(tt.length); got != tt.want {
				t.Errorf("HasRoom(%d)\nwant %v\ngot  %v", tt.length, tt.want, got)
			}
		})
	}
	if FDWriter(-1).HasRoom(1) {
		t.Error("HasRoom of no descriptor\nwant false\ngot  true")
	}
}
