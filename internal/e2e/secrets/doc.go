// Package secrets runs the real service over TLS with secrets that are unmistakable, lets everything fail, and looks for them in all that others can see: output, logs,
// traces, metrics, crash dumps, the process list, the database. It has tests only.
package secrets
