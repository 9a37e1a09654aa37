package apiserver

import (
	"net/http"
	"strings"
)

// Target is what a request is about: a resource, with its subresource ("services", "services/status"), and the name of one object, if there is one.
func Target(r *http.Request) (resource, name string) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case len(parts) > 2 && parts[0] == "api":
		parts = parts[2:]
	case len(parts) > 3 && parts[0] == "apis":
		parts = parts[3:]
	default:
		return "", ""
	}
	if len(parts) > 2 && parts[0] == "namespaces" {
		parts = parts[2:]
	}
	switch len(parts) {
	case 1:
		return parts[0], ""
	case 2:
		return parts[0], parts[1]
	}
	return parts[0] + "/" + parts[2], parts[1]
}

// Resource is what a request is about: "services", "bgppeers".
func Resource(r *http.Request) string {
	resource, _ := Target(r)
	resource, _, _ = strings.Cut(resource, "/")
	return resource
}

var writes = map[string]string{http.MethodPost: "create", http.MethodPut: "update", http.MethodPatch: "patch", http.MethodDelete: "delete"}

// Writes tells whether a request changes something.
func Writes(r *http.Request) bool { return writes[r.Method] != "" }

// Verb is what a request does, as roles say it.
func Verb(r *http.Request) string {
	_, name := Target(r)
	switch {
	case Writes(r):
		return writes[r.Method]
	case r.URL.Query().Get("watch") != "":
		return "watch"
	case name != "":
		return "get"
	}
	return "list"
}

// Lists tells whether a request asks for all objects of a kind: a list, or a watch that begins with them.
func Lists(r *http.Request) bool {
	query := r.URL.Query()
	return r.Method == http.MethodGet && Resource(r) != "" && (query.Get("watch") == "" || query.Get("sendInitialEvents") == "true")
}

// Watches tells whether a request is a watch that goes on from a resource version.
func Watches(r *http.Request) bool {
	query := r.URL.Query()
	return query.Get("watch") != "" && query.Get("sendInitialEvents") == ""
}
