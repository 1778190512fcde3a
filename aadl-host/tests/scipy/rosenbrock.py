# Evaluations after which SciPy first sees a loss below 1e-6 on Rosenbrock functions of n unknowns:
# the numbers in aadl-host/src/optim/lbfgs.rs. Needs numpy and scipy.
import numpy as np
from scipy.optimize import minimize
for n in (2,10):
    count, first = [0], [None]
    def f(x):
        count[0]+=1
        a = x[1::2]-x[0::2]**2; b = 1-x[0::2]
        l = np.sum(100*a*a+b*b)
        g=np.zeros(n); g[0::2]=-400*x[0::2]*a-2*b; g[1::2]=200*a
        if l < 1e-6 and first[0] is None: first[0] = count[0]
        return l,g
    x=np.tile([-1.2,1.0],n//2)
    minimize(f,x, jac=True,method='L-BFGS-B',options=dict(maxcor=10,ftol=0,gtol=1e-9))
    print(n, first[0])
