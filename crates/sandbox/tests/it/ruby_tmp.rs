use crate::node::*;
use casemate_model::*;
use casemate_sandbox::*;
#[tokio::test(flavor = "multi_thread")]
async fn ruby_tmp() {
    for (name, args) in [
        ("quickjs", vec!["qjs", "-e", "console.log('js', [1,2,3].map(x=>x*x).join())"]),
        ("python", vec!["python", "-c", "import json,sys,os; n=int(open('/in/d/n').read()); open('/out/r.json','w').write(json.dumps([i*i for i in range(n)])); print(sys.version, os.environ.get('X'), sys.stdin.read().upper()); sys.exit(3)"]),
    ] {
        let module = std::fs::read(format!("/work/target/third-party/{name}.wasm")).unwrap();
        let node = Node::start().await;
        println!("== {name} {:?}", inspect(&module, &ModuleCaps::DEFAULT).map(|mut f| { f.imports.clear(); f }));
        for profile in [Profile::Default, Profile::Default, Profile::Det1, Profile::Det1] {
            let args = args.iter().map(|a| a.to_string()).collect();
            let limits = RunLimits { compile_ms: 300_000, ..RunLimits::DEFAULT };
            let job = Job { args, limits, profile, env: vec![("X".into(), "why".into())], stdin: Some(sealed(b"abc\n")), inputs: vec![("d/n".into(), sealed(b"5"))], output_directory: true, ..job_of(&module) };
            let deadline = job.accepted + std::time::Duration::from_secs(300);
            let r = node.sandbox.run(Job { deadline, ..job }, tokio_util::sync::CancellationToken::new()).await;
            println!("{:?} {:?} inst {:?}\nout {}\nerr {:.600}\nfiles {:?} {:?}", r.outcome, r.usage, r.instantiate, String::from_utf8_lossy(&r.stdout), String::from_utf8_lossy(&r.stderr), r.outputs.iter().map(|(p, b)| (p, String::from_utf8_lossy(b))).collect::<Vec<_>>(), r.outputs_refused);
        }
    }
}
