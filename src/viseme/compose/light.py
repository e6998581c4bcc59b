from __future__ import annotations
import numpy as np
from scipy.ndimage import gaussian_filter

EMA=.8
LUMA=np.array([.299,.587,.114],np.float32)

class Relight:
    """stub"""
    def __init__(self): self.begin()
    def begin(self): self._state=None
    def gain(self, avatar, target, weight):
        # (64,64,3),(64,64,3),(64,64)
        w=weight.copy()
        y,r=avatar@LUMA,target@LUMA
        for _ in range(5):
            num=(w*r*y).reshape(16,4,16,4).sum((1,3)); den=(w*y*y).reshape(16,4,16,4).sum((1,3))
            n=gaussian_filter(num,1.),gaussian_filter(den,1.)
            wide=gaussian_filter(num,4.)+1e-6,gaussian_filter(den,4.)+1e-6
            g=(n[0]+.05*wide[0])/(n[1]+.05*wide[1])
            gg=np.clip(g,.25,4).repeat(4,0).repeat(4,1)
            w=weight*np.exp(-256*(r-gg*y)**2/.5/4)
        lit=avatar*gg[...,None]
        a=np.ones(3,np.float32);b=np.zeros(3,np.float32)
        W=w.sum()+1e-6
        for c in range(3):
            mx=(w*lit[...,c]).sum()/W; my=(w*target[...,c]).sum()/W
            v=(w*(lit[...,c]-mx)**2).sum()/W+1e-3; cv=(w*(lit[...,c]-mx)*(target[...,c]-my)).sum()/W+1e-3
            a[c]=cv/v; b[c]=my-a[c]*mx
        new=(np.log(g),a,b)
        if self._state is None: self._state=new
        else: self._state=tuple(EMA*o+(1-EMA)*n for o,n in zip(self._state,new))
        g,a,b=self._state
        return np.exp(g),a,b
def upsample(g, size=256):
    from scipy.ndimage import zoom
    n=g.shape[0]; x=(np.arange(size)+.5)*n/size-.5
    i=np.clip(np.floor(x).astype(int),0,n-2); f=np.clip(x-i,0,1).astype(np.float32)
    r=g[i]*(1-f)[:,None]+g[i+1]*f[:,None]
    return r[:,i]*(1-f)+r[:,i+1]*f
