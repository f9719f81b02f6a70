module demo-service

go 1.19
