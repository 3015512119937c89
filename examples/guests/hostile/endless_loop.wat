;; Computes for ever and never calls the host. Fuel or the deadline ends it.
(module
  (memory (export "memory") 1)
  (func (export "_start")
    (local $count i64)
    (loop $again
      (local.set $count (i64.add (local.get $count) (i64.const 1)))
      (br $again))))
