// Package keys runs the real service with root keys that a key service has sealed, rotates every key while requests come in, and takes the right to use
// them away. It has tests only.
package keys
