// Package bench measures accuracy and speed on a labelled folder, so that anyone can see what the program does on his own
// pictures. Every rate comes with its exact bounds; nothing is tuned here.
package bench
