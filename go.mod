module ekyc

go 1.26
