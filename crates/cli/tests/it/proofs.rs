//! Proofs of tasks, made by another prover.

use casemate_proofs::Statement;
use casemate_proofs::test_support::Circuit;
use serde_json::{Value, json};

use crate::binary::User;
use crate::edge::{call, key};
use crate::plans::COPIES;

const JSON: &str = "content-type: application/json\r\n";

#[test]
fn a_proof_is_checked_for_its_own_task_under_a_registered_key_and_once() {
    let user = User::new();
    let node = user.serve();
    let copies = user.file("copies.wasm", &wat::parse_str(COPIES).unwrap());
    let run = |text: &str| {
        let input = user.file("input.txt", text.as_bytes());
        let task = user.run(&["run", &copies, "--input", &input, "--json"]).json();
        task["id"].as_str().unwrap().to_owned()
    };
    let (task, other) = (run("call me Ishmael"), run("call me Ishmael"));
    let statement = |task: &str| {
        let shown = user.run(&["proof", "statement", task, "--json"]).json();
        assert_eq!(shown["public_inputs"].as_array().unwrap().len(), 2);
        Statement::of_text(shown["statement"].as_str().unwrap())
    };
    assert_ne!(statement(&task), statement(&other), "the task is part of it");
    assert!(statement(&task).text().contains(&format!("task {task}\n")));

    let circuit = Circuit::new(7);
    let proof = user.file("proof.bin", &circuit.prove(&statement(&task), 1));
    let file = user.file("key.bin", &circuit.key());
    let unknown = casemate_model::Digest::of(&circuit.key()).to_string();
    let early = user.run(&["proof", "verify", &task, &proof, "--key", &unknown]);
    assert_eq!(early.code, 3, "only registered keys count: {}", early.stderr);
    let registered = user.run(&["proof", "add-key", "products", &file]).text().trim().to_owned();
    assert_eq!(registered, unknown);

    let verify = |task: &str, proof: &str| user.run(&["proof", "verify", task, proof, "--key", &registered]);
    let valid = verify(&task, &proof);
    assert_eq!(valid.code, 0, "{}", valid.stderr);
    assert_eq!(verify(&task, &proof).code, 0, "handed in again it is what it was");
    let replayed = verify(&other, &proof);
    assert_eq!(replayed.code, 5, "{}", replayed.stderr);
    let said = format!("handed in before, for the task {task}");
    assert!(replayed.stderr.contains(&said), "{}", replayed.stderr);
    // Another proof of the first task's statement: Groth16 has many of each.
    let again = user.file("again.bin", &circuit.prove(&statement(&task), 2));
    let of_other = verify(&other, &again);
    assert_eq!(of_other.code, 1, "it is of another task: {}", of_other.stderr);
    let cut = user.file("cut.bin", &circuit.prove(&statement(&task), 3)[..100]);
    let refused = verify(&task, &cut);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("it cannot be read"), "{}", refused.stderr);
    let verdicts = user.run(&["proof", "ls", &task, "--json"]).json();
    let valid: Vec<_> = verdicts.as_array().unwrap().iter().map(|verdict| verdict["valid"].clone()).collect();
    assert_eq!(valid, [Value::Bool(true), Value::Bool(false)]);
    // A proof is not worth less because somebody handed it in for another task, or under another key.
    let other_key = user.file("other.bin", &Circuit::new(8).key());
    let other_key = user.run(&["proof", "add-key", "others", &other_key]).text().trim().to_owned();
    let mistaken = user.run(&["proof", "verify", &task, &again, "--key", &other_key]);
    assert_eq!(mistaken.code, 1, "{}", mistaken.stderr);
    assert_eq!(verify(&task, &again).code, 0);
    assert_eq!(
        user.run(&["task", "show", &task, "--json"]).json()["result"]["level"],
        "L1 signed",
        "it stays what it is"
    );

    let header = format!("{}{JSON}", key(&user));
    let body = json!({ "task_id": task, "circuit_id": registered, "proof_data": "AA==", "public_inputs": ["1", "2"] });
    let lied = call(&node, "POST", "/api/v1/proofs/verify", &header, &body.to_string());
    assert_eq!(lied.json()["pointer"], "/public_inputs", "{}", lied.body);
    for (field, bad) in [("proof_data", "%%"), ("circuit_id", "default"), ("task_id", "tsk_1")] {
        let mut body = json!({ "task_id": task, "circuit_id": registered, "proof_data": "AA==" });
        body[field] = Value::from(bad);
        let refused = call(&node, "POST", "/api/v1/proofs/verify", &header, &body.to_string());
        assert_eq!(refused.json()["pointer"], format!("/{field}"), "{}", refused.body);
    }
    let wrong = user.file("wrong.bin", &Circuit::with_inputs(1 + 2).key());
    let refused = user.run(&["proof", "add-key", "wrong", &wrong]);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    assert!(refused.stderr.contains("takes 3 public inputs"), "{}", refused.stderr);
    user.run(&["proof", "rm-key", &registered]).text();
    assert_eq!(verify(&task, &again).code, 3);
}
