//===- FuseDequantizeEpilogue.cpp - steps behind a contraction -*- C++ -*-===//
//
// Part of rung, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The elementwise operations behind a contraction are collected one by one, in
// the order of the block. Whenever all of them meet in one value, the formula
// of that value's element is compared with
//   round(activation(sum + bias) + residual);
// the last value that matches is the one the fused operation computes. How the
// formula is spread over operations does not matter.
//
//===----------------------------------------------------------------------===//

#include "FuseDequantizeMatch.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/SetVector.h"
#include <deque>

using namespace mlir;
using namespace rung;

//===----------------------------------------------------------------------===//
// Formulas
//===----------------------------------------------------------------------===//

namespace {
/// A formula of one element. Equal formulas are the same object.
struct Formula {
  enum Kind {
    Sum,      // the contraction's
    Element,  // of another tensor: `view`
    Constant, // `value`
    Add,
    Subtract,
    Multiply,
    Divide,
    Negate,
    Exp,
    Erf,
    Relu,
    Widen, // to a type that has all values, or from an integer to a float
    Round, // nearest-even; saturating if `value` is 1
  };
  Kind kind;
  Type type;
  const Formula *left = nullptr, *right = nullptr;
  double value = 0;
  View view = {};

  bool operator==(const Formula &other) const {
    return kind == other.kind && type == other.type && left == other.left &&
           right == other.right && value == other.value &&
           view.value == other.view.value && view.dims == other.view.dims;
  }
};

/// Writes the element of a value as a formula, back to the contraction.
class FormulaReader {
public:
  FormulaReader(Value sum, const llvm::SetVector<Operation *> &region)
      : sum(sum), region(region) {}

  /// Null for what has no formula here.
  const Formula *read(const View &view);
  /// The index of the contraction's result that was read, in the loops of the
  /// first view; nothing if it was not read.
  const std::optional<SmallVector<int64_t>> &getSumDims() const {
    return sumDims;
  }

private:
  using Scalars = llvm::SmallDenseMap<Value, const Formula *>;

  const Formula *make(Formula formula);
  const Formula *readAnew(const View &view);
  const Formula *readLinalg(linalg::LinalgOp op, const View &view);
  const Formula *readScalar(Value value, linalg::LinalgOp op,
                            ArrayRef<int64_t> loops, Scalars &known);
  const Formula *readOperation(Operation *op,
                               ArrayRef<const Formula *> operands);
  const Formula *readConversion(Type from, Type to, const Formula *operand);
  const Formula *relu(const Formula *operand);
  const Formula *readSelect(arith::SelectOp select, linalg::LinalgOp op,
                            ArrayRef<int64_t> loops, Scalars &known);

  Value sum;
  const llvm::SetVector<Operation *> &region;
  std::optional<SmallVector<int64_t>> sumDims;
  std::deque<Formula> formulas;
  SmallVector<std::pair<View, const Formula *>> seen;
};
} // namespace

const Formula *FormulaReader::make(Formula formula) {
  constexpr size_t kLimit = 200;
  for (const Formula &known : formulas)
    if (known == formula)
      return &known;
  if (formulas.size() == kLimit)
    return nullptr;
  return &formulas.emplace_back(std::move(formula));
}

const Formula *FormulaReader::read(const View &view) {
  for (const auto &[known, formula] : seen)
    if (known.value == view.value && known.dims == view.dims)
      return formula;
  const Formula *formula = readAnew(view);
  seen.push_back({view, formula});
  return formula;
}

const Formula *FormulaReader::readAnew(const View &view) {
  Type type = view.getElementType();
  if (view.value == sum) {
    if (!sumDims)
      sumDims = view.dims;
    return *sumDims == view.dims ? make({Formula::Sum, type}) : nullptr;
  }
  Operation *op = view.value.getDefiningOp();
  if (!op || !region.contains(op)) {
    if (std::optional<double> value = splatConstant(view.value))
      return make({Formula::Constant, type, nullptr, nullptr, *value});
    return make({Formula::Element, type, nullptr, nullptr, 0, view});
  }
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
    return readLinalg(linalgOp, view);
  if (auto convert = dyn_cast<ConvertOp>(op)) {
    const Formula *operand = read({convert.getInput(), view.dims, view.trail});
    if (!operand)
      return nullptr;
    if (!convert.getRounding())
      return make({Formula::Widen, type, operand});
    if (*convert.getRounding() != RoundingMode::NearestEven)
      return nullptr;
    return make({Formula::Round, type, operand, nullptr,
                 double(convert.getSaturate())});
  }
  FailureOr<View> source = stepToProducer(view);
  return succeeded(source) ? read(*source) : nullptr;
}

const Formula *FormulaReader::readLinalg(linalg::LinalgOp op,
                                         const View &view) {
  Scalars known;
  SmallVector<int64_t> loops = loopIndices(op, view.dims);
  return readScalar(op.getBlock()->getTerminator()->getOperand(0), op, loops,
                    known);
}

const Formula *FormulaReader::readScalar(Value value, linalg::LinalgOp op,
                                         ArrayRef<int64_t> loops,
                                         Scalars &known) {
  if (auto found = known.find(value); found != known.end())
    return found->second;
  const Formula *formula = nullptr;
  if (std::optional<double> constant = splatConstant(value)) {
    formula =
        make({Formula::Constant, value.getType(), nullptr, nullptr, *constant});
  } else if (auto argument = dyn_cast<BlockArgument>(value)) {
    if (argument.getOwner() == op.getBlock()) {
      OpOperand *operand = op.getMatchingOpOperand(argument);
      FailureOr<View> view = viewOperand(op, operand, loops);
      if (succeeded(view))
        formula = read(*view);
      else if (std::optional<double> scalar = splatConstant(operand->get()))
        formula = make(
            {Formula::Constant, value.getType(), nullptr, nullptr, *scalar});
    }
  } else if (auto select = value.getDefiningOp<arith::SelectOp>()) {
    formula = readSelect(select, op, loops, known);
  } else if (Operation *inner = value.getDefiningOp();
             inner->getBlock() == op.getBlock()) {
    SmallVector<const Formula *> operands;
    for (Value operand : inner->getOperands()) {
      const Formula *read = readScalar(operand, op, loops, known);
      if (!read)
        return nullptr;
      operands.push_back(read);
    }
    formula = readOperation(inner, operands);
  }
  known[value] = formula;
  return formula;
}

static bool isConstant(const Formula *formula, double value) {
  return formula->kind == Formula::Constant && formula->value == value;
}

const Formula *FormulaReader::relu(const Formula *operand) {
  // max(round(x), 0) is round(max(x, 0)).
  if (operand->kind != Formula::Round || operand->value != 0)
    return make({Formula::Relu, operand->type, operand});
  const Formula *inner = relu(operand->left);
  return inner ? make({Formula::Round, operand->type, inner}) : nullptr;
}

const Formula *FormulaReader::readSelect(arith::SelectOp select,
                                         linalg::LinalgOp op,
                                         ArrayRef<int64_t> loops,
                                         Scalars &known) {
  Operation *compare = select.getCondition().getDefiningOp();
  if (!isa_and_present<arith::CmpFOp, arith::CmpIOp>(compare))
    return nullptr;
  const Formula *then = readScalar(select.getTrueValue(), op, loops, known),
                *otherwise =
                    readScalar(select.getFalseValue(), op, loops, known),
                *left = readScalar(compare->getOperand(0), op, loops, known),
                *right = readScalar(compare->getOperand(1), op, loops, known);
  if (!then || !otherwise || !left || !right)
    return nullptr;
  bool isGreater, isLess;
  if (auto integers = dyn_cast<arith::CmpIOp>(compare)) {
    arith::CmpIPredicate predicate = integers.getPredicate();
    isGreater = predicate == arith::CmpIPredicate::sgt ||
                predicate == arith::CmpIPredicate::sge;
    isLess = predicate == arith::CmpIPredicate::slt ||
             predicate == arith::CmpIPredicate::sle;
  } else {
    arith::CmpFPredicate predicate =
        cast<arith::CmpFOp>(compare).getPredicate();
    isGreater = predicate == arith::CmpFPredicate::OGT ||
                predicate == arith::CmpFPredicate::OGE ||
                predicate == arith::CmpFPredicate::UGT ||
                predicate == arith::CmpFPredicate::UGE;
    isLess = predicate == arith::CmpFPredicate::OLT ||
             predicate == arith::CmpFPredicate::OLE ||
             predicate == arith::CmpFPredicate::ULT ||
             predicate == arith::CmpFPredicate::ULE;
  }
  // x > 0 ? x : 0, 0 < x ? x : 0, x < 0 ? 0 : x, 0 > x ? 0 : x.
  if (isLess) {
    std::swap(left, right);
    std::swap(isGreater, isLess);
  }
  if (!isGreater)
    return nullptr;
  if (isConstant(right, 0) && then == left && isConstant(otherwise, 0))
    return relu(left);
  if (isConstant(left, 0) && isConstant(then, 0) && otherwise == right)
    return relu(right);
  return nullptr;
}

const Formula *FormulaReader::readConversion(Type from, Type to,
                                             const Formula *operand) {
  if (isLosslessTrail({to, from}))
    return make({Formula::Widen, to, operand});
  return make({Formula::Round, to, operand});
}

const Formula *
FormulaReader::readOperation(Operation *op,
                             ArrayRef<const Formula *> operands) {
  Type type = op->getResult(0).getType();
  auto unary = [&](Formula::Kind kind) {
    return make({kind, type, operands[0]});
  };
  auto binary = [&](Formula::Kind kind) {
    return make({kind, type, operands[0], operands[1]});
  };
  if (isa<arith::AddFOp, arith::AddIOp>(op))
    return binary(Formula::Add);
  if (isa<arith::SubFOp, arith::SubIOp>(op))
    return isConstant(operands[0], 0)
               ? make({Formula::Negate, type, operands[1]})
               : binary(Formula::Subtract);
  if (isa<arith::MulFOp>(op))
    return binary(Formula::Multiply);
  if (isa<arith::DivFOp>(op))
    return binary(Formula::Divide);
  if (isa<arith::NegFOp>(op))
    return unary(Formula::Negate);
  if (isa<math::ExpOp>(op))
    return unary(Formula::Exp);
  if (isa<math::ErfOp>(op))
    return unary(Formula::Erf);
  if (isa<arith::MaximumFOp, arith::MaxNumFOp, arith::MaxSIOp>(op)) {
    if (isConstant(operands[1], 0))
      return relu(operands[0]);
    return isConstant(operands[0], 0) ? relu(operands[1]) : nullptr;
  }
  if (isa<arith::ExtFOp, arith::ExtSIOp>(op))
    return unary(Formula::Widen);
  if (isa<arith::SIToFPOp>(op))
    // The sum of integer products is as exact as the epilogue's type allows.
    return unary(Formula::Widen);
  if (auto truncate = dyn_cast<arith::TruncFOp>(op);
      truncate &&
      (!truncate.getRoundingmode() ||
       *truncate.getRoundingmode() == arith::RoundingMode::to_nearest_even))
    return readConversion(op->getOperand(0).getType(), type, operands[0]);
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Activations
//===----------------------------------------------------------------------===//

static const Formula *stripWiden(const Formula *formula) {
  while (formula->kind == Formula::Widen)
    formula = formula->left;
  return formula;
}

/// Multiplies out: constants into `constant`, everything else into `factors`.
static void collectFactors(const Formula *formula, double &constant,
                           SmallVectorImpl<const Formula *> &factors) {
  if (formula->kind == Formula::Multiply) {
    collectFactors(formula->left, constant, factors);
    collectFactors(formula->right, constant, factors);
  } else if (formula->kind == Formula::Divide &&
             formula->right->kind == Formula::Constant) {
    collectFactors(formula->left, constant, factors);
    constant /= formula->right->value;
  } else if (formula->kind == Formula::Negate) {
    collectFactors(formula->left, constant, factors);
    constant = -constant;
  } else if (formula->kind == Formula::Constant) {
    constant *= formula->value;
  } else {
    factors.push_back(formula);
  }
}

/// x, if `formula` is `scale` * x.
static const Formula *matchScaled(const Formula *formula, double scale) {
  constexpr double kTolerance = 1e-6; // a constant's rounding to f32
  double constant = 1;
  SmallVector<const Formula *> factors;
  collectFactors(formula, constant, factors);
  if (factors.size() != 1 ||
      std::abs(constant - scale) > kTolerance * std::abs(scale))
    return nullptr;
  return factors[0];
}

/// y, if `formula` is 1 + y.
static const Formula *matchOnePlus(const Formula *formula) {
  if (formula->kind != Formula::Add)
    return nullptr;
  if (isConstant(formula->left, 1))
    return formula->right;
  return isConstant(formula->right, 1) ? formula->left : nullptr;
}

/// x, if `formula` is 1 + exp(-x).
static const Formula *matchOnePlusExp(const Formula *formula) {
  const Formula *power = matchOnePlus(formula);
  if (!power || power->kind != Formula::Exp)
    return nullptr;
  return matchScaled(power->left, -1);
}

/// x, if `formula` is 1 + erf(x / sqrt 2).
static const Formula *matchOnePlusErf(const Formula *formula) {
  constexpr double kSqrtHalf = 0.70710678118654752440;
  const Formula *erf = matchOnePlus(formula);
  if (!erf || erf->kind != Formula::Erf)
    return nullptr;
  return matchScaled(erf->left, kSqrtHalf);
}

/// x, if `formula` is an activation of x, which `activation` then names; else
/// `formula` itself.
static const Formula *matchActivation(const Formula *formula,
                                      Activation &activation) {
  activation = Activation::None;
  auto found = [&](Activation name, const Formula *argument) {
    activation = name;
    return argument;
  };
  if (formula->kind == Formula::Relu)
    return found(Activation::Relu, formula->left);
  if (formula->kind == Formula::Divide) {
    const Formula *argument = matchOnePlusExp(formula->right);
    if (argument && argument == formula->left)
      return found(Activation::Silu, argument);
  }
  double constant = 1;
  SmallVector<const Formula *> factors;
  collectFactors(formula, constant, factors);
  if (factors.size() != 2)
    return formula;
  for (unsigned side : {0, 1}) {
    const Formula *x = factors[side], *other = factors[1 - side];
    if (constant == 0.5 && matchOnePlusErf(other) == x)
      return found(Activation::Gelu, x);
    if (constant == 1 && other->kind == Formula::Divide &&
        isConstant(other->left, 1) && matchOnePlusExp(other->right) == x)
      return found(Activation::Silu, x);
  }
  return formula;
}

//===----------------------------------------------------------------------===//
// The whole formula
//===----------------------------------------------------------------------===//

/// True if no step on the way from the sum is computed in a type that rounds
/// more than the accumulator of a fused operation.
static bool hasWideSteps(const Formula *formula) {
  if (!formula)
    return true;
  bool rounds = formula->kind >= Formula::Add && formula->kind <= Formula::Erf;
  if (rounds && !formula->type.isF32() && !formula->type.isF64() &&
      !formula->type.isInteger(32))
    return false;
  return hasWideSteps(formula->left) && hasWideSteps(formula->right);
}

static bool hasDoubleSteps(const Formula *formula) {
  if (!formula)
    return false;
  bool rounds = formula->kind >= Formula::Add && formula->kind <= Formula::Erf;
  return (rounds && formula->type.isF64()) || hasDoubleSteps(formula->left) ||
         hasDoubleSteps(formula->right);
}

/// The earliest tensor that holds the elements of `view` and `accepts`.
static std::optional<View>
earliest(View view, llvm::function_ref<bool(const View &)> accepts) {
  std::optional<View> found;
  while (true) {
    if (isLosslessTrail(view.trail) && numberFormatOf(view.getElementType()) &&
        accepts(view))
      found = view;
    FailureOr<View> next = stepToProducer(view);
    if (failed(next))
      return found;
    view = *next;
  }
}

/// The vector along N that `view` repeats, if it does. A size of 1 has no loop:
/// there, everything is a vector along N.
static std::optional<View> asBias(const View &view,
                                  const Contraction &contraction) {
  SmallVector<int64_t> loops;
  if (contraction.column != kUnit)
    loops.push_back(contraction.column);
  auto isVector = [&](const View &candidate) {
    return candidate.dims.size() == 1 && candidate.getLoops() == loops;
  };
  auto canBeVector = [&](const View &candidate) {
    return candidate.dims.size() > 1 && candidate.getLoops() == loops &&
           canReshape(candidate.getElementType());
  };
  if (std::optional<View> vector = earliest(view, isVector))
    return vector;
  return earliest(view, canBeVector);
}

static std::optional<View> asResidual(const View &view,
                                      const Contraction &contraction) {
  auto isDirect = [&](const View &candidate) {
    return isMatrix(candidate, contraction.rows, contraction.column);
  };
  auto canBeMatrix = [&](const View &candidate) {
    SmallVector<int64_t> loops = contraction.rows;
    if (contraction.column != kUnit)
      loops.push_back(contraction.column);
    return candidate.getLoops() == loops &&
           canReshape(candidate.getElementType());
  };
  if (std::optional<View> matrix = earliest(view, isDirect))
    return matrix;
  return earliest(view, canBeMatrix);
}

/// Splits `formula` = a + element, the element on either side.
static bool splitAdd(const Formula *formula, const Formula *&rest,
                     const Formula *&element) {
  if (formula->kind != Formula::Add)
    return false;
  for (auto [a, b] : {std::pair{formula->left, formula->right},
                      std::pair{formula->right, formula->left}})
    if (stripWiden(b)->kind == Formula::Element) {
      rest = a;
      element = b;
      return true;
    }
  return false;
}

namespace {
/// Matches the formula of one value.
class EpilogueMatcher {
public:
  EpilogueMatcher(const Contraction &contraction,
                  const llvm::SetVector<Operation *> &region)
      : contraction(contraction), reader(contraction.getResult(), region) {}

  std::optional<Epilogue> match(Value result);

private:
  /// The loops of the contraction for the dimensions of the result.
  bool mapDims(RankedTensorType type, SmallVectorImpl<int64_t> &dims) const;
  /// An element of another tensor, in the loops of the contraction.
  View viewOf(const Formula *element) const;
  bool matchSteps(const Formula *formula, Epilogue &epilogue) const;
  bool matchActivated(const Formula *formula, Epilogue &epilogue) const;
  bool placeInitial(Epilogue &epilogue) const;

  const Contraction &contraction;
  FormulaReader reader;
  SmallVector<int64_t> resultDims;
};
} // namespace

bool EpilogueMatcher::mapDims(RankedTensorType type,
                              SmallVectorImpl<int64_t> &dims) const {
  dims.assign(type.getRank(), kUnit);
  for (auto [loop, dim] :
       llvm::zip_equal(contraction.resultDims, *reader.getSumDims())) {
    if (loop == kUnit)
      continue;
    if (dim == kUnit || dims[dim] != kUnit)
      return false;
    dims[dim] = loop;
  }
  // A dimension that the sum is repeated along is not ours.
  for (auto [dim, loop] : llvm::enumerate(dims))
    if (loop == kUnit && type.getDimSize(dim) != 1)
      return false;
  return true;
}

View EpilogueMatcher::viewOf(const Formula *element) const {
  SmallVector<Type> trail;
  while (element->kind == Formula::Widen) {
    trail.push_back(element->type);
    element = element->left;
  }
  View view = element->view;
  for (int64_t &dim : view.dims)
    dim = dim == kUnit ? kUnit : resultDims[dim];
  llvm::append_range(trail, view.trail);
  view.trail = trail;
  return view;
}

/// The initial accumulator is a bias or a residual that is added first.
bool EpilogueMatcher::placeInitial(Epilogue &epilogue) const {
  if (!contraction.initial)
    return true;
  if (epilogue.bias)
    return false;
  if ((epilogue.bias = asBias(*contraction.initial, contraction)))
    return true;
  if (epilogue.residual || epilogue.activation != Activation::None)
    return false;
  epilogue.residual = asResidual(*contraction.initial, contraction);
  return epilogue.residual.has_value();
}

/// activation(sum + bias).
bool EpilogueMatcher::matchActivated(const Formula *formula,
                                     Epilogue &epilogue) const {
  epilogue.bias.reset();
  const Formula *inner =
      stripWiden(matchActivation(stripWiden(formula), epilogue.activation));
  const Formula *rest, *element;
  if (splitAdd(inner, rest, element)) {
    epilogue.bias = asBias(viewOf(element), contraction);
    if (!epilogue.bias)
      return false;
    inner = stripWiden(rest);
  }
  return inner->kind == Formula::Sum && placeInitial(epilogue);
}

bool EpilogueMatcher::matchSteps(const Formula *formula,
                                 Epilogue &epilogue) const {
  // With one row a residual looks like a bias; a matrix is the former.
  const Formula *rest, *element;
  std::optional<View> residual;
  if (splitAdd(stripWiden(formula), rest, element))
    residual = asResidual(viewOf(element), contraction);
  auto matchWithResidual = [&]() {
    epilogue.residual = residual;
    return matchActivated(rest, epilogue);
  };
  if (residual && isMatrix(*residual, contraction.rows, contraction.column) &&
      matchWithResidual())
    return true;
  epilogue.residual.reset();
  return matchActivated(formula, epilogue) || (residual && matchWithResidual());
}

std::optional<Epilogue> EpilogueMatcher::match(Value result) {
  auto type = cast<RankedTensorType>(result.getType());
  if (!numberFormatOf(type.getElementType()))
    return std::nullopt;
  View whole{result,
             llvm::to_vector(llvm::seq<int64_t>(0, type.getRank())),
             {type.getElementType()}};
  const Formula *formula = reader.read(whole);
  if (!formula || !reader.getSumDims() || !hasWideSteps(formula) ||
      !mapDims(type, resultDims))
    return std::nullopt;
  Epilogue epilogue;
  epilogue.result = result;
  epilogue.resultDims = resultDims;
  epilogue.isDouble = hasDoubleSteps(formula);
  const Formula *last = stripWiden(formula);
  if (last->kind == Formula::Round) {
    if (last != formula)
      return std::nullopt; // a wide type with the values of a narrow one
    epilogue.saturate = last->value == 1;
    last = last->left;
  }
  if (!matchSteps(last, epilogue))
    return std::nullopt;
  return epilogue;
}

//===----------------------------------------------------------------------===//
// The operations behind a contraction
//===----------------------------------------------------------------------===//

/// True of operations that a formula can go through.
static bool isStep(Operation *op) {
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
    return isElementwise(linalgOp);
  return isa<tensor::CastOp, tensor::CollapseShapeOp, tensor::ExpandShapeOp,
             ConvertOp>(op);
}

/// The first user of a region's value, in block order, that is a step and no
/// part of the region.
static Operation *nextStep(const llvm::SetVector<Operation *> &region) {
  Operation *next = nullptr;
  for (Operation *op : region)
    for (Operation *user : op->getUsers())
      if (!region.contains(user) && user->getBlock() == op->getBlock() &&
          isStep(user) && (!next || user->isBeforeInBlock(next)))
        next = user;
  return next;
}

/// The only value of the region that is used outside, if there is just one.
static Value onlyLiveOut(const llvm::SetVector<Operation *> &region) {
  Value live;
  for (Operation *op : region) {
    if (llvm::all_of(op->getUsers(),
                     [&](Operation *user) { return region.contains(user); }))
      continue;
    if (live)
      return {};
    live = op->getResult(0);
  }
  return live;
}

std::optional<Epilogue> rung::matchEpilogue(const Contraction &contraction) {
  constexpr unsigned kMaxSteps = 24;
  llvm::SetVector<Operation *> region;
  region.insert(contraction.op);
  std::optional<Epilogue> best =
      EpilogueMatcher(contraction, region).match(contraction.getResult());
  for (unsigned i = 0; i < kMaxSteps; ++i) {
    Operation *next = nextStep(region);
    if (!next)
      break;
    region.insert(next);
    Value live = onlyLiveOut(region);
    if (!live)
      continue;
    if (std::optional<Epilogue> match =
            EpilogueMatcher(contraction, region).match(live))
      best = match;
  }
  return best;
}
