# The commands of this repository; `make help` lists them.
