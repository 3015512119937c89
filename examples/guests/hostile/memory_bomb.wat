;; Takes 1 MiB of memory at a time, touches each page so that it is really there, and never gives up. The limit on
;; memory ends it.
(module
  (memory (export "memory") 1)
  (func (export "_start")
    (local $page i32)
    (loop $more
      (local.set $page (memory.grow (i32.const 16)))
      (if (i32.ne (local.get $page) (i32.const -1))
        (then (memory.fill
          (i32.mul (local.get $page) (i32.const 65536)) (i32.const 255) (i32.const 1048576))))
      (br $more))))
