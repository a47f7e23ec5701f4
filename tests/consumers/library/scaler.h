// A library that uses joblib; those who use it need not know.
#ifndef SCALER_H_
#define SCALER_H_

#include <vector>

// Each x times `factor`, computed in worker processes, and how many elements
// this very process computed.
std::vector<double> Scaled(const std::vector<double>& xs, double factor,
                           int& computed_here);

#endif  // SCALER_H_
