"Packaging, read from settings.ini (the only configuration file)."
import re
from configparser import ConfigParser
from pathlib import Path
from setuptools import find_namespace_packages, setup

cfg = ConfigParser(delimiters=['='])
cfg.read(Path(__file__).parent/'settings.ini', encoding='utf-8')
cfg = cfg['DEFAULT']
readme, raw = Path(__file__).parent/'README.md', f"https://raw.githubusercontent.com/{cfg['user']}/{cfg['repo']}/{cfg['branch']}/"

def absolute(text):
    "The README with links that also lead somewhere outside of the repository."
    text = re.sub(r'(!\[[^\]]*\]\()(?![a-z]+:|#)', rf'\g<1>{raw}', text)
    return re.sub(r'(\]\()(?![a-z]+:|#)', rf"\g<1>{cfg['git_url']}/blob/{cfg['branch']}/", text)

setup(
    name=cfg['lib_name'], version=cfg['version'], description=cfg['description'], license='Apache-2.0',
    author=cfg['author'], author_email=cfg['author_email'], url=cfg['git_url'], keywords=cfg['keywords'].split(),
    project_urls=dict(Documentation=cfg['doc_host'] + cfg['doc_baseurl'], Changelog=f"{cfg['git_url']}/blob/{cfg['branch']}/CHANGELOG.md"),
    long_description=absolute(readme.read_text(encoding='utf-8')) if readme.exists() else '',
    long_description_content_type='text/markdown',
    python_requires=f">={cfg['min_python']}",
    packages=find_namespace_packages(include=['vision_opd', 'vision_opd.*'], exclude=['*__pycache__*']),
    include_package_data=True,     # the files that MANIFEST.in names: base/ and presets/ hold no Python
    install_requires=cfg['requirements'].split(), extras_require={x: cfg[f'{x}_requirements'].split() for x in ('dev', 'data', 'annotations', 'speed', 'vllm')},
    entry_points={'console_scripts': cfg['console_scripts'].split()}, zip_safe=False,
    classifiers=['Development Status :: 3 - Alpha', 'Intended Audience :: Science/Research',
                 'Programming Language :: Python :: 3',
                 'Topic :: Scientific/Engineering :: Artificial Intelligence'])
