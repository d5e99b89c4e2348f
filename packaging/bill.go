package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	spdx "github.com/spdx/tools-golang/spdx/v2/v2_3"
)

const noAssertion = "NOASSERTION"

// bill writes what each program consists of, as the Go toolchain noted it in there
// (SPDX 2.3).
func (r *release) bill() error {
	document := &spdx.Document{
		SPDXVersion: spdx.Version, DataLicense: spdx.DataLicense, SPDXIdentifier: "DOCUMENT",
		DocumentName: "tap " + r.version,
		CreationInfo: &spdx.CreationInfo{
			Created:  r.date.Format(time.RFC3339),
			Creators: []common.Creator{{CreatorType: "Tool", Creator: "tap packaging"}},
		},
	}
	relate := func(from common.ElementID, relationship string, to common.ElementID) {
		document.Relationships = append(document.Relationships, &spdx.Relationship{
			RefA: common.MakeDocElementID("", string(from)), Relationship: relationship, RefB: common.MakeDocElementID("", string(to)),
		})
	}
	all := sha256.New() // of two documents with one name the content is the same
	described := map[module]common.ElementID{}
	for _, architecture := range architectures {
		for _, program := range programs {
			content, err := os.ReadFile(r.binary(architecture, program))
			if err != nil {
				return err
			}
			_, _ = all.Write(content) // never fails
			item := r.program(architecture, program, content)
			document.Packages = append(document.Packages, item)
			relate("DOCUMENT", "DESCRIBES", item.PackageSPDXIdentifier)

			modules, err := linked(r.binary(architecture, program))
			if err != nil {
				return err
			}
			for _, m := range modules {
				if described[m] == "" {
					dependency := library(m)
					described[m] = dependency.PackageSPDXIdentifier
					document.Packages = append(document.Packages, dependency)
				}
				relate(item.PackageSPDXIdentifier, "STATIC_LINK", described[m])
			}
		}
	}
	document.DocumentNamespace = fmt.Sprintf("https://spdx.org/spdxdocs/tap-%s-%x", r.version, all.Sum(nil)[:16])
	return writeFile(filepath.Join(r.out, "tap-"+r.version+".spdx.json"), func(w io.Writer) error {
		return json.Write(document, w, json.Indent("  "))
	})
}

// program describes a file of ours.
func (r *release) program(architecture, program string, content []byte) *spdx.Package {
	return &spdx.Package{
		PackageName: program, PackageVersion: r.version, PackageFileName: architecture + "/" + program,
		PackageSPDXIdentifier:   common.ElementID(program + "-" + architecture),
		PackageChecksums:        []common.Checksum{{Algorithm: common.SHA256, Value: fmt.Sprintf("%x", sha256.Sum256(content))}},
		PackageSummary:          "for Linux on " + architecture,
		PackageDownloadLocation: noAssertion, PackageLicenseConcluded: "Apache-2.0", PackageLicenseDeclared: "Apache-2.0",
		PackageCopyrightText: noAssertion, PrimaryPackagePurpose: "APPLICATION",
	}
}

// noIdentifier is what an SPDX identifier may not have.
var noIdentifier = regexp.MustCompile(`[^0-9A-Za-z.-]+`)

// library describes a module that is linked in.
func library(m module) *spdx.Package {
	item := &spdx.Package{
		PackageName: m.path, PackageVersion: m.version,
		PackageSPDXIdentifier:   common.ElementID("go-" + noIdentifier.ReplaceAllString(m.path+"-"+m.version, "-")),
		PackageDownloadLocation: noAssertion, PackageLicenseConcluded: licensed[m.path], PackageLicenseDeclared: licensed[m.path],
		PackageCopyrightText: noAssertion, PrimaryPackagePurpose: "LIBRARY",
		PackageExternalReferences: []*spdx.PackageExternalReference{{
			Category: common.CategoryPackageManager, RefType: common.TypePackageManagerPURL,
			Locator: "pkg:golang/" + m.path + "@" + m.version,
		}},
	}
	if m.sum != "" {
		item.PackageSourceInfo = "in go.sum: " + m.sum
	}
	return item
}
