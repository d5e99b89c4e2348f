package verb

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"tap/internal/cni"
	"tap/internal/feature"
	"tap/internal/netconf"
	"tap/internal/plan"
)

var errDifferences = cni.Kind{Code: cni.CodeCheck, Advice: "delete the attachment and add it again, or find out what changed it"}.
	New("does not match its configuration")

// Check compares the attachment with the configuration of ADD and with prevResult, the final result of the
// chain (CNI specification 1.1, section 2, "CHECK").
func Check(args *netconf.Args) error {
	conf, err := netconf.Parse(args)
	if err != nil {
		return err
	}
	if conf.PrevResult == nil {
		return &netconf.KeyError{
			Key: "prevResult", Value: "none", Allowed: "the result of ADD, which the runtime passes",
			Err: errors.New("CHECK has nothing to compare with"),
		}
	}
	delegate, err := findIPAM(conf, args.Path)
	if err != nil {
		return err
	}
	if delegate != nil {
		err = delegate.Check(context.Background(), ipamCall(conf, args.StdinData))
	}
	return errors.Join(checkDevice(conf), err)
}

func checkDevice(conf *netconf.Config) error {
	sandbox, err := feature.OpenSandbox(conf)
	if err != nil {
		return err
	}
	defer sandbox.Close()
	differences, err := feature.Differences(conf, sandbox)
	if err != nil {
		return err
	}
	return report(conf.Tap.Name, differences)
}

// report returns the differences as one error. A tolerated difference becomes a notice.
func report(tap string, differences []plan.Difference) error {
	var texts []string
	for _, d := range differences {
		if d.Tolerated {
			cni.Notice("tap %q: %s changed from %s to %s", tap, d.What, d.Expected, d.Found)
			continue
		}
		texts = append(texts, d.String())
	}
	if len(texts) > 0 {
		return fmt.Errorf("tap %q %w: %s", tap, errDifferences, strings.Join(texts, "; "))
	}
	return nil
}
