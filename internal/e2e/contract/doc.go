// Package contract holds the running program to CONTRACT.md and to the documents that it serves of itself. It has tests only.
package contract
