// Apiserver is as much of a cluster's API server as Multus needs: it serves the objects of some files at 127.0.0.1:8001,
// where `kubectl proxy` does, and takes the status of pods.
//
//	apiserver FILE...
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"

	nadv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
)

const namespace = "default"

// objects are the cluster's, by the path at which a client asks for them.
type objects struct {
	mu     sync.Mutex
	byPath map[string]metav1.Object
}

func main() {
	cluster := &objects{byPath: map[string]metav1.Object{}}
	for _, file := range os.Args[1:] {
		if err := cluster.add(file); err != nil {
			log.Fatalf("%s: %v", file, err)
		}
	}
	log.Fatal(http.ListenAndServe("127.0.0.1:8001", cluster))
}

// add decodes a file as strictly as `kubectl create` does.
func (o *objects) add(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var kind metav1.TypeMeta
	if err := yaml.Unmarshal(text, &kind); err != nil {
		return err
	}
	var object metav1.Object
	var folder string
	switch kind.Kind {
	case "Pod":
		object, folder = &corev1.Pod{}, "/api/v1/namespaces/"+namespace+"/pods/"
	case "NetworkAttachmentDefinition":
		object, folder = &nadv1.NetworkAttachmentDefinition{}, "/apis/k8s.cni.cncf.io/v1/namespaces/"+namespace+"/network-attachment-definitions/"
	default:
		return fmt.Errorf("kind %q: Pod or NetworkAttachmentDefinition", kind.Kind)
	}
	if err := yaml.UnmarshalStrict(text, object); err != nil {
		return err
	}
	object.SetNamespace(namespace)
	o.byPath[folder+object.GetName()] = object
	return nil
}

func (o *objects) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if r.Method == http.MethodPost { // an event: what `kubectl describe` shows of a pod
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintln(w, `{"kind": "Event", "apiVersion": "v1"}`)
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	path, isStatus := strings.CutSuffix(r.URL.Path, "/status")
	object, found := o.byPath[path]
	switch {
	case !found || isStatus != (r.Method == http.MethodPut):
		http.NotFound(w, r)
		return
	case isStatus:
		if err := putStatus(object, r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	_ = json.NewEncoder(w).Encode(object) // a client that is gone needs no answer
}

// putStatus takes the annotations, by which Multus tells how it attached the pod.
func putStatus(of metav1.Object, body io.Reader) error {
	text, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	object, _, err := scheme.Codecs.UniversalDeserializer().Decode(text, nil, nil)
	if err != nil {
		return err
	}
	pod, isPod := object.(*corev1.Pod)
	if !isPod {
		return fmt.Errorf("the status of a pod is a pod, not %T", object)
	}
	of.SetAnnotations(pod.Annotations)
	return nil
}
