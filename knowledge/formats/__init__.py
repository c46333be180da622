"""One file a format: bytes in, blocks out, inside the jail. Nothing here opens a file, a socket or a process.

`sniff` says which format a file has; `blocks` is what every format is read into. Each reader is imported only when
its format has come, so that a short text does not wait for the libraries of the others.
"""
