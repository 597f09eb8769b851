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

#include "FuseDequantizeFormula.h"
#include "FuseDequantizeMatch.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace rung;

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
