use wasm_encoder::reencode::{Reencode, RoundtripReencoder};
use wasm_encoder::{BlockType, Function, Instruction, ValType};
use wasmparser::{FuncType, FuncValidator, FunctionBody, Operator, WasmModuleResources};

use crate::module::CanonicalError;

/// What a frame takes of the stack: so much, and so much more for each parameter, local and operand.
const FRAME_BYTES: u64 = 64;
const SLOT_BYTES: u64 = 16;
/// The largest frame. A host that gives a guest as much room beyond its stack sees every frame counted.
pub const FRAME_BYTES_MAX: u64 = 1 << 20;
/// Up to how much the frame of a function that calls nothing is free: there is one at a time.
const LEAF_BYTES_MAX: u64 = 1024;

/// The globals that count.
#[derive(Clone, Copy)]
pub(crate) struct Globals {
    pub(crate) fuel: u32,
    pub(crate) stack: u32,
}

/// Rewrites one function.
pub(crate) struct Rewriter<'t> {
    globals: Globals,
    ty: &'t FuncType,
    /// The type of a block with the function's results, where it has several.
    block: Option<u32>,
}

/// What is found out of a function before it is written.
struct Survey {
    /// The fuel of each straight stretch, in order.
    stretches: Vec<u64>,
    /// Whether it calls others.
    calls: bool,
    /// The most operands at once.
    operands_max: u64,
}

impl<'t> Rewriter<'t> {
    pub(crate) fn new(globals: Globals, ty: &'t FuncType, block: Option<u32>) -> Self {
        Self { globals, ty, block }
    }

    pub(crate) fn rewrite<R: WasmModuleResources>(
        &self,
        validator: &mut FuncValidator<R>,
        body: &FunctionBody<'_>,
    ) -> Result<Function, CanonicalError> {
        let survey = survey(validator, body)?;
        let (mut locals, mut slots) = (Vec::new(), self.ty.params().len() as u64);
        for local in body.get_locals_reader()? {
            let (count, ty) = local?;
            slots += u64::from(count);
            locals.push((count, RoundtripReencoder.val_type(ty).map_err(CanonicalError::unsupported)?));
        }
        let frame = FRAME_BYTES + SLOT_BYTES * (slots + survey.operands_max);
        if frame > FRAME_BYTES_MAX {
            return Err(CanonicalError::Frame);
        }
        let frame = (survey.calls || frame > LEAF_BYTES_MAX).then_some(frame);
        let mut function = Function::new(locals);
        if let Some(frame) = frame {
            take(&mut function, self.globals.stack, frame);
        }
        function.instruction(&Instruction::Block(self.block_type()?));
        self.write(&mut function, body, &survey, frame)?;
        Ok(function)
    }

    /// Writes the instructions, within the block that they leave the function by.
    fn write(
        &self,
        function: &mut Function,
        body: &FunctionBody<'_>,
        survey: &Survey,
        frame: Option<u64>,
    ) -> Result<(), CanonicalError> {
        let mut stretches = survey.stretches.iter();
        let (mut nesting, mut begins) = (0_u32, true);
        for operator in body.get_operators_reader()? {
            let operator = operator?;
            if std::mem::take(&mut begins)
                && let Some(fuel @ 1..) = stretches.next()
            {
                take(function, self.globals.fuel, *fuel);
            }
            begins = ends_stretch(&operator);
            match &operator {
                Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => nesting += 1,
                Operator::Return => {
                    function.instruction(&Instruction::Br(nesting));
                    continue;
                }
                Operator::End if nesting == 0 => {
                    function.instruction(&Instruction::End);
                    self.give_back(function, frame);
                }
                Operator::End => nesting -= 1,
                operator if is_tail_call(operator) => self.give_back(function, frame),
                _ => {}
            }
            function
                .instruction(&RoundtripReencoder.instruction(operator).map_err(CanonicalError::unsupported)?);
        }
        Ok(())
    }

    fn give_back(&self, function: &mut Function, frame: Option<u64>) {
        if let Some(frame) = frame {
            function.instruction(&Instruction::GlobalGet(self.globals.stack));
            function.instruction(&Instruction::I64Const(signed(frame)));
            function.instruction(&Instruction::I64Add);
            function.instruction(&Instruction::GlobalSet(self.globals.stack));
        }
    }

    fn block_type(&self) -> Result<BlockType, CanonicalError> {
        if let Some(index) = self.block {
            return Ok(BlockType::FunctionType(index));
        }
        match self.ty.results() {
            [] => Ok(BlockType::Empty),
            [one, ..] => {
                let ty: ValType = RoundtripReencoder.val_type(*one).map_err(CanonicalError::unsupported)?;
                Ok(BlockType::Result(ty))
            }
        }
    }
}

fn survey<R: WasmModuleResources>(
    validator: &mut FuncValidator<R>,
    body: &FunctionBody<'_>,
) -> Result<Survey, CanonicalError> {
    let mut survey = Survey { stretches: vec![0], calls: false, operands_max: 0 };
    validator.read_locals(&mut body.get_binary_reader())?;
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        let (operator, offset) = operators.read_with_offset()?;
        validator.op(offset, &operator)?;
        survey.operands_max = survey.operands_max.max(u64::from(validator.operand_stack_height()));
        survey.calls |= is_call(&operator);
        if let Some(fuel) = survey.stretches.last_mut() {
            *fuel += fuel_of(&operator);
        }
        if ends_stretch(&operator) {
            survey.stretches.push(0);
        }
    }
    operators.finish()?;
    Ok(survey)
}

/// Takes an amount of a counter, and traps if that is more than is left.
fn take(function: &mut Function, counter: u32, amount: u64) {
    for instruction in [
        Instruction::GlobalGet(counter),
        Instruction::I64Const(signed(amount)),
        Instruction::I64Sub,
        Instruction::GlobalSet(counter),
        Instruction::GlobalGet(counter),
        Instruction::I64Const(0),
        Instruction::I64LtS,
        Instruction::If(BlockType::Empty),
        Instruction::Unreachable,
        Instruction::End,
    ] {
        function.instruction(&instruction);
    }
}

/// Amounts come from bodies of bounded size, so none is cut.
fn signed(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}

/// One for each instruction that does something.
const fn fuel_of(operator: &Operator<'_>) -> u64 {
    match operator {
        Operator::Nop
        | Operator::Drop
        | Operator::Block { .. }
        | Operator::Loop { .. }
        | Operator::Unreachable
        | Operator::Return
        | Operator::Else
        | Operator::End => 0,
        _ => 1,
    }
}

/// Whether what follows an instruction may be reached without it, or not be reached after it.
const fn ends_stretch(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::Loop { .. }
            | Operator::If { .. }
            | Operator::Else
            | Operator::End
            | Operator::Br { .. }
            | Operator::BrIf { .. }
            | Operator::BrTable { .. }
            | Operator::BrOnNull { .. }
            | Operator::BrOnNonNull { .. }
            | Operator::BrOnCast { .. }
            | Operator::BrOnCastFail { .. }
            | Operator::Return
            | Operator::Unreachable
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. }
    )
}

const fn is_tail_call(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::ReturnCall { .. } | Operator::ReturnCallIndirect { .. } | Operator::ReturnCallRef { .. }
    )
}

const fn is_call(operator: &Operator<'_>) -> bool {
    matches!(operator, Operator::Call { .. } | Operator::CallIndirect { .. } | Operator::CallRef { .. })
        || is_tail_call(operator)
}
