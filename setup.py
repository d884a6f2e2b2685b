"Packaging, read from settings.ini (the only configuration file)."
from configparser import ConfigParser
from pathlib import Path
from setuptools import find_namespace_packages, setup

cfg = ConfigParser(delimiters=['='])
cfg.read(Path(__file__).parent/'settings.ini', encoding='utf-8')
cfg = cfg['DEFAULT']
readme = Path(__file__).parent/'README.md'

setup(
    name=cfg['lib_name'], version=cfg['version'], description=cfg['description'], license='Apache-2.0',
    author=cfg['author'], author_email=cfg['author_email'], url=cfg['git_url'], keywords=cfg['keywords'],
    long_description=readme.read_text(encoding='utf-8') if readme.exists() else '',
    long_description_content_type='text/markdown',
    python_requires=f">={cfg['min_python']}",
    packages=find_namespace_packages(include=['vision_opd', 'vision_opd.*'], exclude=['*__pycache__*']),
    include_package_data=True,     # the files that MANIFEST.in names: base/ and presets/ hold no Python
    install_requires=cfg['requirements'].split(), extras_require={x: cfg[f'{x}_requirements'].split() for x in ('dev', 'data', 'annotations', 'speed', 'vllm')},
    entry_points={'console_scripts': cfg['console_scripts'].split()}, zip_safe=False,
    classifiers=['Development Status :: 3 - Alpha', 'Intended Audience :: Science/Research',
                 'Programming Language :: Python :: 3'])
