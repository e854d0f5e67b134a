// Package custody runs the real service on a real object store, looks into its buckets as who holds them would, and takes the store away in the middle. It
// has tests only.
package custody
