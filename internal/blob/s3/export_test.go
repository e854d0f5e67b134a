package s3

// TidyBefore is Tidy for uploads that began before a time.
var TidyBefore = (*Store).tidyBefore
